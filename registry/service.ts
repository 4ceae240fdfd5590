import type { Heartbeat, InstanceState, Registered, Registration } from '#contracts/registry';
import { mustHoldToken, presented } from './credentials';
import { countByState, instancesOf } from './metrics';
import {
  ClaimTaken,
  HostRefused,
  InstanceUnknown,
  LeaseSecretWrong,
  millisecondsOf,
  RegistryFull,
  type ServicesQuery,
  ServiceUnknown,
} from './model';
import type { RegistryDeps } from './open-registry';
import type { Table } from './table';

/** A long poll is answered at the latest after this, so that no proxy on the way gives up first. */
const MAXIMUM_WAIT_MS = 60_000;

export function register(deps: RegistryDeps, registration: Registration, bearer: string | undefined) {
  const { table, lease } = deps;
  const known =
    registration.instance_id !== undefined && holdsLease(table, registration.name, registration.instance_id);
  if (!known) mustHoldToken(deps.token, bearer);
  const refusal = deps.hostRule(registration.host);
  if (refusal) throw new HostRefused({ errors: [{ field: 'host', message: refusal }] });

  const result = table.register(registration, bearer);
  if (result.outcome === 'wrong-secret') throw new LeaseSecretWrong();
  if (result.outcome === 'full')
    throw new RegistryFull({
      detail: `The limit of ${result.limit} is reached.`,
      headers: { 'retry-after': '30' },
    });
  if (result.outcome === 'claimed')
    throw new ClaimTaken({ detail: `${result.claim} belongs to ${result.owner}.` });
  deps.watchers.notify();
  const body: Registered = {
    instance_id: result.instanceId,
    lease_secret: result.secret,
    lease: {
      heartbeat_seconds: lease.heartbeatMs / 1_000,
      unhealthy_seconds: lease.unhealthyMs / 1_000,
      removed_seconds: lease.removedMs / 1_000,
    },
    revision: table.revision(),
  };
  return { status: result.outcome === 'registered' ? 201 : 200, body } as const;
}

export function heartbeat(
  deps: RegistryDeps,
  instanceId: string,
  bearer: string | undefined,
  said: Heartbeat,
) {
  const result = deps.table.beat(instanceId, presented(bearer), said);
  if (result.outcome === 'unknown') throw new InstanceUnknown();
  if (result.outcome === 'wrong-secret') throw new LeaseSecretWrong();
  deps.watchers.notify();
  return { revision: deps.table.revision(), state: result.state };
}

/** The whole table as JSON; with `index`, once it has moved on from there or the wait is over. */
export async function readServices(
  deps: RegistryDeps,
  query: ServicesQuery,
  signal: AbortSignal,
): Promise<string> {
  const { table, watchers } = deps;
  const isPresent =
    query.index === table.revision() && (query.epoch === undefined || query.epoch === table.epoch);
  const waitMs = Math.min(millisecondsOf(query.wait), MAXIMUM_WAIT_MS);
  if (isPresent && waitMs > 0) await watchers.changeWithin(waitMs, signal);
  return deps.listing();
}

export function readService(deps: RegistryDeps, name: string, state: InstanceState | undefined) {
  const service = deps.table.service(name);
  if (!service) throw new ServiceUnknown();
  const instances = state
    ? service.instances.filter((instance) => instance.state === state)
    : service.instances;
  return { ...service, instances };
}

/** Every instance, unhealthy ones included: a target that does not answer is what an alert is made of. */
export const prometheusTargets = (deps: RegistryDeps) =>
  instancesOf(deps.table).map(({ host, port, name, version, instance_id, zone, state }) => ({
    targets: [`${host.includes(':') ? `[${host}]` : host}:${port}`],
    labels: { job: name, service: name, version, instance_id, state, ...(zone !== undefined && { zone }) },
  }));

export function status(deps: RegistryDeps) {
  const all = instancesOf(deps.table);
  const kept = all.filter((instance) => instance.protected);
  return {
    name: deps.name,
    version: deps.version,
    epoch: deps.table.epoch,
    uptime_seconds: Math.round(process.uptime() * 1_000) / 1_000,
    revision: deps.table.revision(),
    services: new Set(all.map((instance) => instance.name)).size,
    instances: countByState(all),
    protection: {
      on: kept.length > 0,
      services: [...new Set(kept.map((instance) => instance.name))],
      instances: kept.length,
    },
    watchers: deps.watchers.count(),
    acknowledging_watchers: deps.drains.watchers(),
    ...(deps.sharing && { sharing: deps.sharing.status() }),
  };
}

const holdsLease = (table: Table, name: string, instanceId: string) =>
  table.instance(name, instanceId) !== undefined;
