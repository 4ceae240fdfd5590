import type { Instance, ServicesSnapshot } from '#contracts/registry';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { acknowledgeDrains, type IsDrained, type OwnWatcher } from './drains';
import { followRegistry } from './follow';
import { createRegistryView } from './view';

/** The registry comments at least every 8 s; a view not confirmed for longer than two of them is old. */
const OLD_MS = 20_000;
const KEPT_CHECK_MS = 1_000;

export interface RegistryClient {
  /** The last view; empty before `ready`. */
  snapshot(): ServicesSnapshot;
  /** The instances of a service in any state; empty when there are none. */
  instances(name: string): readonly Instance[];
  /**
   * @param listener gets the names of the services that changed
   * @returns stops telling it
   */
  onChange(listener: (names: readonly string[]) => void): () => void;
  /**
   * For whoever sends requests to instances: from now on the registry is told when a draining instance is let go of,
   * and answers those that wait for it. To be called once, and only with `acknowledges`.
   */
  acknowledgeDrains(isDrained: IsDrained): void;
  /** Of the registry last heard; 0 before the first view. */
  revision(): number;
  /** False before the first view, and while the only registry ever heard of may not know everybody yet. */
  isSettled(): boolean;
  /** Milliseconds since the registry was last heard from; infinite before the first time. */
  ageMs(): number;
  /** Resolves with the first view, or when the process ends before there was one. */
  readonly ready: Promise<void>;
}

/**
 * Keeps a view of the registry's table by watching it: server-sent events, else long polls. While no registry answers,
 * the last view goes on serving and `/readyz` says how old it is.
 *
 * @param urls registries, tried in turn
 * @param acknowledges that drains wait for this process; with the REGISTRY_TOKEN, where the registry asks for one
 */
export function watchRegistry(
  runtime: Runtime,
  options: { urls: readonly string[]; acknowledges?: { token: string | undefined } },
): RegistryClient {
  const now = () => performance.now();
  const view = createRegistryView(now);
  const listeners = new Set<(names: readonly string[]) => void>();
  const first = Promise.withResolvers<void>();
  const log = runtime.log.child({ part: 'registry-client' });
  let watcher: OwnWatcher | undefined;
  let drains: ReturnType<typeof acknowledgeDrains> | undefined;
  let heardAtMs = Number.NEGATIVE_INFINITY;

  const ageMs = () => now() - heardAtMs;

  function tell(names: readonly string[]) {
    if (names.length === 0) return;
    for (const listener of listeners) listener(names);
    // Last: what it says depends on what the listeners do.
    drains?.changed(names);
  }

  const keptCheck = setInterval(() => tell(view.expire()), KEPT_CHECK_MS);
  runtime.closing.addEventListener('abort', () => {
    clearInterval(keptCheck);
    drains?.stop();
    first.resolve();
  });
  runtime.dependency({ name: 'registry', required: false, check: async () => describeAge(ageMs()) });

  void followRegistry(options.urls, {
    log,
    signal: runtime.closing,
    position: view.position,
    heard: () => {
      heardAtMs = now();
    },
    heardSince: (ms) => heardAtMs >= ms,
    replace(snapshot) {
      tell(view.replace(snapshot));
      first.resolve();
    },
    apply: (change) => tell(view.apply(change)),
    ...(options.acknowledges && {
      acknowledging: {
        token: options.acknowledges.token,
        watching(own) {
          watcher = own;
          drains?.watching(own);
        },
      },
    }),
  });

  return {
    snapshot: view.snapshot,
    instances: view.instances,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    acknowledgeDrains(isDrained) {
      drains = acknowledgeDrains({ log, instances: view.instances, isDrained });
      drains.changed(Object.keys(view.snapshot().services));
      drains.watching(watcher);
    },
    revision: () => view.position().revision,
    isSettled: view.isSettled,
    ageMs,
    ready: first.promise,
  };
}

function describeAge(ageMs: number): string {
  if (ageMs === Number.POSITIVE_INFINITY)
    throw new DependencyUnavailable({ detail: 'no registry has answered yet' });
  const seconds = (ageMs / 1_000).toFixed(1);
  if (ageMs > OLD_MS)
    throw new DependencyUnavailable({ detail: `no registry answers: the view in use is ${seconds} s old` });
  return `the view is ${seconds} s old`;
}
