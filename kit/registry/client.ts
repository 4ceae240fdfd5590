import type { Instance, ServicesSnapshot } from '#contracts/registry';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { acknowledgeDrains, type IsDrained, type WatcherSession } from './drains';
import { followRegistry } from './follow';
import { createRegistryView } from './view';

/** The registry sends a comment at least every 8 s; a view that misses two of them is stale. */
const STALE_MS = 20_000;
const EXPIRE_EVERY_MS = 1_000;

export interface RegistryClient {
  /** The current view; empty before `ready`. */
  snapshot(): ServicesSnapshot;
  /** The instances of a service in any state; empty when there are none. */
  instances(name: string): readonly Instance[];
  /**
   * @param listener receives the names of the changed services
   * @returns removes the listener
   */
  onChange(listener: (names: readonly string[]) => void): () => void;
  /**
   * For processes that send requests to instances: acknowledges drains to the registry from now on. Call it once, and only
   * with the option `acknowledges`.
   */
  acknowledgeDrains(isDrained: IsDrained): void;
  /** The revision of the last registry onConfirmed from; 0 before the first view. */
  revision(): number;
  /** False before the first view, and while the only registry ever onConfirmed from may not have all instances yet. */
  isSettled(): boolean;
  /** Milliseconds since the registry was last onConfirmed from; infinite before the first time. */
  ageMs(): number;
  /** Resolves with the first view, or at shutdown. */
  readonly ready: Promise<void>;
}

/**
 * Watches the registry and maintains a view of its table: by server-sent events, or by long polling where streams do not
 * work. While no registry responds, the last view is used and `/readyz` shows its age.
 *
 * @param options.urls registry replicas, tried in turn
 * @param options.acknowledges makes drains wait for this process; with the credential of `gateway`, where the registry requires
 *   one
 */
export function watchRegistry(
  runtime: Runtime,
  options: { urls: readonly string[]; acknowledges?: { credential: string | undefined } },
): RegistryClient {
  const now = () => performance.now();
  const view = createRegistryView(now);
  const listeners = new Set<(names: readonly string[]) => void>();
  const first = Promise.withResolvers<void>();
  const log = runtime.log.child({ part: 'registry-client' });
  let session: WatcherSession | undefined;
  let drains: ReturnType<typeof acknowledgeDrains> | undefined;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;

  const ageMs = () => now() - confirmedAtMs;

  let isTlsMissing = false;

  function notify(names: readonly string[]) {
    if (names.length === 0) return;
    warnOfTls(names);
    for (const listener of listeners) listener(names);
    // Last: whether an instance is drained depends on the listeners.
    drains?.changed(names);
  }

  /** Once: its calls to such an instance fail, and do not say why. */
  function warnOfTls(names: readonly string[]) {
    if (runtime.internalTls !== null || isTlsMissing) return;
    const service = names.find((name) => view.instances(name).some(({ tls }) => tls));
    isTlsMissing = service !== undefined;
    if (isTlsMissing)
      log.error({ service }, 'instances serve TLS, which this process cannot verify: set INTERNAL_TLS_CA');
  }

  const expiring = setInterval(() => notify(view.expire()), EXPIRE_EVERY_MS);
  runtime.closing.addEventListener('abort', () => {
    clearInterval(expiring);
    drains?.stop();
    first.resolve();
  });
  runtime.dependency({ name: 'registry', required: false, check: async () => describeAge(ageMs()) });

  void followRegistry(options.urls, {
    log,
    internalTls: runtime.internalTls,
    signal: runtime.closing,
    position: view.position,
    onConfirmed: () => {
      confirmedAtMs = now();
    },
    confirmedSince: (ms) => confirmedAtMs >= ms,
    replace(snapshot) {
      notify(view.replace(snapshot));
      first.resolve();
    },
    apply: (change) => notify(view.apply(change)),
    ...(options.acknowledges && {
      acknowledging: {
        credential: options.acknowledges.credential,
        onSession(current) {
          session = current;
          drains?.setSession(current);
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
      drains = acknowledgeDrains({
        log,
        internalTls: runtime.internalTls,
        instances: view.instances,
        isDrained,
      });
      drains.changed(Object.keys(view.snapshot().services));
      drains.setSession(session);
    },
    revision: () => view.position().revision,
    isSettled: view.isSettled,
    ageMs,
    ready: first.promise,
  };
}

function describeAge(ageMs: number): string {
  if (ageMs === Number.POSITIVE_INFINITY)
    throw new DependencyUnavailable({ detail: 'no registry has responded yet' });
  const seconds = (ageMs / 1_000).toFixed(1);
  if (ageMs > STALE_MS)
    throw new DependencyUnavailable({ detail: `no registry responds: the view is ${seconds} s old` });
  return `the view is ${seconds} s old`;
}
