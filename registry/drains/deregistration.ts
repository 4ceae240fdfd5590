import type { IncompleteDrain, Instance } from '#contracts/registry';
import { eventStreamResponse, type StreamContext } from '#kit/http/streams/event-stream-response';
import { leaseError, requireBearer, requireGatewayCredential } from '../access/credentials';
import type { RegistryDeps } from '../deps';
import { type DeregisterQuery, parseDurationMs, WatcherUnknown, type WatchQuery } from '../model';
import { streamOwner } from '../watch/stream-owner';
import type { DrainProgress } from './drains';

/** The default and the longest wait for a drain: no proxy or process manager waits longer than a minute. */
const DRAIN_MS = 10_000;
const MAX_DRAIN_MS = 60_000;

/**
 * Removes an instance, at once or when it is drained.
 *
 * @returns undefined when the instance was removed as requested; otherwise the progress when the wait timed out
 */
export async function deregister(
  deps: RegistryDeps,
  instanceId: string,
  bearer: string | undefined,
  query: DeregisterQuery,
): Promise<IncompleteDrain | undefined> {
  const secret = requireBearer(bearer);
  const instance = deps.table.find(instanceId, secret);
  if (typeof instance === 'string') return endUnrouted(deps, instanceId, secret);
  const progress = query.wait === 'drained' ? await drain(deps, instance, secret, query.timeout) : undefined;
  deps.table.remove(instanceId, secret);
  deps.watchers.notify();
  if (progress === undefined) return undefined;
  const outcome = outcomeOf(progress, deps.replication?.status().working ?? true);
  deps.countDrain(outcome);
  if (outcome === 'drained') return undefined;
  return { drained: false, acknowledged_by: progress.acknowledgedBy, waiting_for: progress.waitingFor };
}

/** Ends the lease of an instance that was never routed: nothing has to be drained. */
function endUnrouted({ table }: RegistryDeps, instanceId: string, secret: string): undefined {
  const { outcome } = table.remove(instanceId, secret);
  if (outcome !== 'removed') throw leaseError(outcome);
}

/** @param isConnected false when the gateways of other replicas are unknown */
function outcomeOf({ acknowledgedBy, waitingFor }: DrainProgress, isConnected: boolean) {
  if (waitingFor > 0) return 'timed-out';
  return acknowledgedBy > 0 && isConnected ? 'drained' : 'unacknowledged';
}

/** A caller that disconnects changes nothing: the instance is still removed at the end. */
function drain(deps: RegistryDeps, instance: Instance, secret: string, timeout: string | undefined) {
  const { table, drains, watchers } = deps;
  const renewLease = () => void table.drain(instance.instance_id, secret);
  renewLease();
  watchers.notify();
  const timeoutMs = timeout === undefined ? DRAIN_MS : Math.min(parseDurationMs(timeout), MAX_DRAIN_MS);
  return drains.wait(instance, timeoutMs, renewLease);
}

/**
 * Responds with the event stream of one watcher; an acknowledging watcher receives its token first.
 *
 * @throws TooManyStreams, StreamShareExceeded, CredentialsMissing
 */
export function watch(
  deps: RegistryDeps,
  { acknowledges }: WatchQuery,
  bearer: string | undefined,
  context: StreamContext,
): Response {
  const { watchers, drains } = deps;
  // Drains wait for acknowledging watchers: not every client that can reach this port may delay them.
  if (acknowledges) requireGatewayCredential(deps.credentials, bearer);
  const owner = streamOwner(context, acknowledges === true && deps.credentials.required);
  const lastEventId = context.request.headers.get('last-event-id');
  return eventStreamResponse(context, owner, deps.streams, (release) => {
    if (!acknowledges) return watchers.open({ lastEventId, ended: release });
    const { token, end } = drains.connect();
    const ended = () => {
      end();
      release();
    };
    return watchers.open({ lastEventId, greeting: { event: 'watcher', data: { token } }, ended });
  });
}

export function acknowledgeDrain(
  deps: RegistryDeps,
  instance: Pick<Instance, 'name' | 'instance_id'>,
  bearer: string | undefined,
  revision: number,
): void {
  if (!deps.drains.acknowledge(requireBearer(bearer), instance, revision))
    throw new WatcherUnknown({ detail: 'Open a watch and use the token of its `watcher` event.' });
}
