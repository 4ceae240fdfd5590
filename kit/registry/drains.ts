import type { DrainAcknowledgement, Instance } from '#contracts/registry';
import type { InternalTls } from '../core/internal-tls';
import type { Logger } from '../core/log';
import { callRegistry } from './call';

/** How often running requests are checked; only while an instance drains. */
const CHECK_EVERY_MS = 10;
/** After a failed call; the registry stops waiting for acknowledgements after a timeout. */
const RETRY_MS = 200;

/** The stream on which this process watches a registry, and the token that proves it. */
export interface WatcherSession {
  readonly url: string;
  readonly token: string;
}

/** Whether no new requests go to an instance, and those in flight have ended. */
export type IsDrained = (service: string, instanceId: string) => boolean;

interface Drain {
  readonly instance: Instance;
  acknowledged: boolean;
  retryAtMs: number;
}

/**
 * Acknowledges each draining instance to the registry once this process has drained it. A new session acknowledges all
 * of them again, because the registry knows nothing of the one before.
 *
 * @param options.instances the instances of a service, as the registry lists them now
 */
export function acknowledgeDrains(options: {
  log: Logger;
  internalTls: InternalTls | null;
  instances: (name: string) => readonly Instance[];
  isDrained: IsDrained;
}) {
  const { log, internalTls, instances, isDrained } = options;
  const drains = new Map<string, Drain>();
  let session: WatcherSession | undefined;
  let timer: Timer | undefined;

  function changed(names: readonly string[]): void {
    for (const name of names) {
      const before = new Map([...drains].filter(([, { instance }]) => instance.name === name));
      for (const key of before.keys()) drains.delete(key);
      for (const instance of instances(name)) {
        if (instance.state !== 'draining') continue;
        const key = `${name}/${instance.instance_id}`;
        const known = before.get(key);
        const isKnown = known?.instance.changed_at_revision === instance.changed_at_revision;
        drains.set(key, { instance, acknowledged: isKnown && known.acknowledged, retryAtMs: 0 });
      }
    }
    check();
  }

  /** @param current undefined when its stream has ended */
  function setSession(current: WatcherSession | undefined): void {
    session = current;
    for (const drain of drains.values()) drain.acknowledged = false;
    check();
  }

  function check() {
    clearTimeout(timer);
    if (session === undefined) return;
    let isWaiting = false;
    for (const drain of drains.values()) {
      if (drain.acknowledged) continue;
      const { name, instance_id: id } = drain.instance;
      if (performance.now() >= drain.retryAtMs && isDrained(name, id)) void acknowledge(session, drain);
      else isWaiting = true;
    }
    if (isWaiting) timer = setTimeout(check, CHECK_EVERY_MS);
  }

  async function acknowledge(current: WatcherSession, drain: Drain) {
    const { url, token } = current;
    drain.acknowledged = true;
    const { name, instance_id: id, changed_at_revision: revision } = drain.instance;
    const body: DrainAcknowledgement = { revision };
    try {
      const path = `/drained/${name}/${id}`;
      const call = { internalTls, method: 'POST', path, bearer: token, body } as const;
      const { status } = await callRegistry(url, call);
      if (status >= 300) throw new Error(`The registry responded with ${status}`);
    } catch (failure) {
      log.warn({ err: failure, service: name, instance_id: id }, 'Drain acknowledgement failed');
      if (session !== current) return;
      drain.acknowledged = false;
      drain.retryAtMs = performance.now() + RETRY_MS;
      check();
    }
  }

  return { changed, setSession, stop: () => clearTimeout(timer) };
}
