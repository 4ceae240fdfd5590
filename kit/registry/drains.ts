import type { DrainAcknowledgement, Instance } from '#contracts/registry';
import type { Logger } from '../core/log';
import { callRegistry } from './call';

/** How often running requests are looked at while an instance drains: costs nothing at any other time. */
const LOOK_MS = 10;
/** After a call that failed; the registry gives up on whoever does not say so in time. */
const RETRY_MS = 200;

/** The stream by which this process follows a registry, and what proves that it is this process's. */
export interface OwnWatcher {
  readonly url: string;
  readonly token: string;
}

/** True when no new request goes to the instance and those it had have ended. */
export type IsDrained = (service: string, instanceId: string) => boolean;

/**
 * Tells the registry of each draining instance, once, that this process has let go of it. A new stream is told of all
 * that drain anew: the registry knows nothing of the one before.
 *
 * @param instances all of a service, as the registry lists them now
 */
export function acknowledgeDrains(options: {
  log: Logger;
  instances: (name: string) => readonly Instance[];
  isDrained: IsDrained;
}) {
  const { log, instances, isDrained } = options;
  const draining = new Map<string, { instance: Instance; said: boolean; retryAtMs: number }>();
  let watcher: OwnWatcher | undefined;
  let timer: Timer | undefined;

  function changed(names: readonly string[]): void {
    for (const name of names) {
      const before = new Map([...draining].filter(([, { instance }]) => instance.name === name));
      for (const key of before.keys()) draining.delete(key);
      for (const instance of instances(name)) {
        if (instance.state !== 'draining') continue;
        const key = `${name}/${instance.instance_id}`;
        const known = before.get(key);
        const isKnown = known?.instance.changed_at_revision === instance.changed_at_revision;
        draining.set(key, { instance, said: isKnown && known.said, retryAtMs: 0 });
      }
    }
    look();
  }

  /** @param own undefined when its stream has ended */
  function watching(own: OwnWatcher | undefined): void {
    watcher = own;
    for (const each of draining.values()) each.said = false;
    look();
  }

  function look() {
    clearTimeout(timer);
    if (watcher === undefined) return;
    let isWaiting = false;
    for (const each of draining.values()) {
      if (each.said) continue;
      const { name, instance_id: id } = each.instance;
      if (performance.now() >= each.retryAtMs && isDrained(name, id)) void say(watcher, each);
      else isWaiting = true;
    }
    if (isWaiting) timer = setTimeout(look, LOOK_MS);
  }

  async function say(own: OwnWatcher, each: { instance: Instance; said: boolean; retryAtMs: number }) {
    each.said = true;
    const { name, instance_id: id, changed_at_revision: revision } = each.instance;
    const body: DrainAcknowledgement = { revision };
    try {
      const path = `/drained/${name}/${id}`;
      const { status } = await callRegistry(own.url, { method: 'POST', path, bearer: own.token, body });
      if (status >= 300) throw new Error(`The registry answered with ${status}`);
    } catch (failure) {
      log.warn({ err: failure, service: name, instance_id: id }, 'could not acknowledge a drain');
      if (watcher !== own) return;
      each.said = false;
      each.retryAtMs = performance.now() + RETRY_MS;
      look();
    }
  }

  return { changed, watching, stop: () => clearTimeout(timer) };
}
