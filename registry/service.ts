import { timingSafeEqual } from 'node:crypto';
import type { Heartbeat, InstanceState, Registered, Registration } from '#contracts/registry';
import { uuidv7 } from '#kit/ids';
import type { Runtime } from '#kit/runtime';
import { DEFAULT_LEASE, type LeaseRules } from './expiry';
import type { HostRule } from './hosts';
import { hashSecret } from './lease-secret';
import { countByState, instancesOf, observeRegistry } from './metrics';
import {
  ClaimTaken,
  CredentialsMissing,
  HostRefused,
  InstanceUnknown,
  LeaseSecretWrong,
  RegistryFull,
  type ServicesQuery,
  ServiceUnknown,
} from './model';
import { DEFAULT_LIMITS } from './rows';
import { createTable, type Table } from './table';
import { createWatchers, type Watchers } from './watchers';

/** Sweeps run five times in a heartbeat: an instance is moved on at most a fifth of a beat late. */
const SWEEPS_IN_HEARTBEAT = 5;
const MAXIMUM_WATCHERS = 1_000;
/** A long poll is answered at the latest after this, so that no proxy on the way gives up first. */
const MAXIMUM_WAIT_MS = 60_000;
/** For how long a listing may be reused although loads, which are no change of the table, have moved. */
const LISTING_REUSE_MS = 1_000;

export interface RegistryDeps {
  readonly name: string;
  readonly version: string;
  readonly table: Table;
  readonly watchers: Watchers;
  readonly lease: LeaseRules;
  readonly hostRule: HostRule;
  /** Needed for a first registration, where it is set. */
  readonly token: string | undefined;
  readonly listing: () => string;
  /** Ends the sweep and every open stream. */
  readonly close: () => void;
}

/** Opens an empty table, with the sweep that expires leases and the watchers that hear of it. */
export function openRegistry(
  runtime: Runtime,
  options: { token: string | undefined; hostRule: HostRule; lease?: LeaseRules },
): RegistryDeps {
  const now = () => performance.now();
  const lease = options.lease ?? DEFAULT_LEASE;
  const sweepMs = lease.heartbeatMs / SWEEPS_IN_HEARTBEAT;
  const timestamp = () => new Date().toISOString();
  const table = createTable({
    now,
    timestamp,
    epoch: uuidv7(),
    lease,
    limits: DEFAULT_LIMITS,
    sweepMs,
  });
  const watchers = createWatchers(table, { now, maximum: MAXIMUM_WATCHERS });
  const sweep = setInterval(() => {
    table.expire();
    watchers.notify();
    watchers.tick();
  }, sweepMs);
  const close = () => {
    clearInterval(sweep);
    watchers.close();
  };
  const { name, version } = runtime;
  const deps = {
    name,
    version,
    table,
    watchers,
    lease,
    ...options,
    listing: createListing(table, now),
    close,
  };
  observeRegistry(runtime, deps);
  return deps;
}

export function register(deps: RegistryDeps, registration: Registration, bearer: string | undefined) {
  const { table, lease } = deps;
  const known =
    registration.instance_id !== undefined && holdsLease(table, registration.name, registration.instance_id);
  if (!known) mustHoldToken(deps, bearer);
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

export function deregister(deps: RegistryDeps, instanceId: string, bearer: string | undefined): void {
  const { outcome } = deps.table.remove(instanceId, presented(bearer));
  if (outcome === 'unknown') throw new InstanceUnknown();
  if (outcome === 'wrong-secret') throw new LeaseSecretWrong();
  deps.watchers.notify();
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
  };
}

const holdsLease = (table: Table, name: string, instanceId: string) =>
  table.service(name)?.instances.some((instance) => instance.instance_id === instanceId) ?? false;

function mustHoldToken({ token }: RegistryDeps, bearer: string | undefined) {
  if (token === undefined) return;
  if (bearer === undefined || !timingSafeEqual(hashSecret(bearer), hashSecret(token)))
    throw new CredentialsMissing({
      detail: 'A first registration needs the REGISTRY_TOKEN.',
      headers: { 'www-authenticate': 'Bearer' },
    });
}

function presented(bearer: string | undefined): string {
  if (bearer === undefined) throw new CredentialsMissing({ headers: { 'www-authenticate': 'Bearer' } });
  return bearer;
}

function millisecondsOf(wait: string | undefined): number {
  const [, amount = '0', unit = 's'] = wait?.match(/^(\d+)(ms|s|m)?$/) ?? [];
  return Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
}

/** Serialises the table once for all who ask at about the same time: a change wakes every waiter at once. */
function createListing(table: Table, now: () => number): () => string {
  let made = { revision: -1, atMs: 0, text: '' };
  return () => {
    if (made.revision !== table.revision() || now() - made.atMs > LISTING_REUSE_MS)
      made = { revision: table.revision(), atMs: now(), text: JSON.stringify(table.snapshot()) };
    return made.text;
  };
}
