import type { Instance, Undrained } from '#contracts/registry';
import { mustHoldToken, presented } from './credentials';
import type { DrainProgress } from './drains';
import {
  type DeregisterQuery,
  InstanceUnknown,
  LeaseSecretWrong,
  millisecondsOf,
  WatcherUnknown,
  type WatchQuery,
} from './model';
import type { RegistryDeps } from './open-registry';

/** A drain waits so long unless it says otherwise, and at most a minute: no proxy or process manager waits longer. */
const DRAIN_MS = 10_000;
const MAXIMUM_DRAIN_MS = 60_000;

/**
 * Takes an instance out, at once or when it is drained.
 *
 * @returns undefined when all is as it was asked for; else how far the gateways were when the wait was over
 */
export async function deregister(
  deps: RegistryDeps,
  instanceId: string,
  bearer: string | undefined,
  query: DeregisterQuery,
): Promise<Undrained | undefined> {
  const secret = presented(bearer);
  const instance = deps.table.find(instanceId, secret);
  if (instance === 'unknown') throw new InstanceUnknown();
  if (instance === 'wrong-secret') throw new LeaseSecretWrong();
  const progress = query.wait === 'drained' ? await drain(deps, instance, secret, query.timeout) : undefined;
  deps.table.remove(instanceId, secret);
  deps.watchers.notify();
  if (progress === undefined) return undefined;
  const outcome = outcomeOf(progress, deps.sharing?.status().working ?? true);
  deps.countDrain(outcome);
  if (outcome === 'drained') return undefined;
  return { drained: false, acknowledged_by: progress.acknowledgedBy, waiting_for: progress.waitingFor };
}

/** @param othersKnown false when other replicas may have gateways that nobody could ask */
function outcomeOf({ acknowledgedBy, waitingFor }: DrainProgress, othersKnown: boolean) {
  if (waitingFor > 0) return 'timed-out';
  return acknowledgedBy > 0 && othersKnown ? 'drained' : 'unacknowledged';
}

/** A caller that goes away meanwhile changes nothing: the instance is on its way out. */
function drain(deps: RegistryDeps, instance: Instance, secret: string, timeout: string | undefined) {
  const { table, drains, watchers } = deps;
  const keepDraining = () => void table.drain(instance.instance_id, secret);
  keepDraining();
  watchers.notify();
  const timeoutMs = timeout === undefined ? DRAIN_MS : Math.min(millisecondsOf(timeout), MAXIMUM_DRAIN_MS);
  return drains.wait(instance, timeoutMs, keepDraining);
}

/** The events for one watcher; for one that acknowledges drains, its token first. */
export function watch(
  { watchers, drains, token: registryToken }: RegistryDeps,
  { acknowledges }: WatchQuery,
  bearer: string | undefined,
  lastEventId: string | null,
): ReadableStream<Uint8Array> {
  if (!acknowledges) return watchers.open(lastEventId);
  // Drains wait for whoever acknowledges: not for anybody who can reach this port.
  mustHoldToken(registryToken, bearer);
  const { token, end } = drains.connect();
  try {
    return watchers.open(lastEventId, { event: 'watcher', data: { token }, ended: end });
  } catch (failure) {
    end();
    throw failure;
  }
}

export function acknowledgeDrain(
  deps: RegistryDeps,
  instance: Pick<Instance, 'name' | 'instance_id'>,
  bearer: string | undefined,
  revision: number,
): void {
  if (!deps.drains.acknowledge(presented(bearer), instance, revision)) throw new WatcherUnknown();
}
