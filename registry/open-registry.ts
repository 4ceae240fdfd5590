import { uuidv7 } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { createShares } from '#kit/http/shares/shares';
import type { AddressPolicy } from './access/address-policy';
import type { CredentialRules } from './access/credentials';
import { createRequestHostCheck } from './access/request-host';
import type { RegistryDeps } from './deps';
import { createDrains } from './drains/drains';
import { countDrains, observeRegistry } from './metrics';
import { createProbe, type Probe } from './proof/probe';
import { createProver } from './proof/prover';
import { createReplication } from './replication/replication';
import { DEFAULT_LEASE, type LeaseRules } from './table/expiry';
import type { Table } from './table/model';
import { DEFAULT_LIMITS } from './table/rows';
import { createTable } from './table/table';
import { createWatchers } from './watch/watchers';

/** An instance expires at most a fifth of a heartbeat interval late. */
const SWEEPS_PER_HEARTBEAT = 5;
/** Maximum open watches and long polls: of all clients, and of one address that is no gateway. */
export interface WatcherLimits {
  readonly maximum: number;
  readonly perAddress: number;
}

/** One machine may run all services, and every gateway worker. */
export const DEFAULT_WATCHERS: WatcherLimits = { maximum: 1_000, perAddress: 250 };
/** How long a listing may be reused although loads and unverified instances, which are not changes of the table, have. */
const LISTING_REUSE_MS = 500;

/**
 * Opens a registry: its table, the periodic sweep that expires leases, and its watchers. The table starts empty, or with
 * what its replicas know.
 *
 * @param options.requiresProof refuses registrations with `verify: "http"`
 * @param options.hosts further names by which this registry is called
 * @param options.probe verifies addresses; replaced in tests
 * @param options.redis connects the replicas of one `group`, which share one table; undefined: standalone
 */
export async function openRegistry(
  runtime: Runtime,
  options: {
    credentials: CredentialRules;
    requiresProof?: boolean;
    hosts?: readonly string[];
    addressPolicy: AddressPolicy;
    probe?: Probe;
    lease?: LeaseRules;
    redis?: { url: string; group: string } | undefined;
    watchers?: WatcherLimits;
  },
): Promise<RegistryDeps> {
  const now = () => performance.now();
  const lease = options.lease ?? DEFAULT_LEASE;
  const sweepMs = lease.heartbeatMs / SWEEPS_PER_HEARTBEAT;
  const timestamp = () => new Date().toISOString();
  const epoch = uuidv7();
  const { redis, credentials, addressPolicy, requiresProof = false } = options;
  const replication =
    redis && createReplication(runtime, { ...redis, replica: epoch, lease, addressPolicy, now });
  const table = createTable({
    now,
    timestamp,
    epoch,
    lease,
    limits: DEFAULT_LIMITS,
    sweepMs,
    replication: replication?.hooks,
  });
  const watchers = createWatchers(table, { now });
  const drains = createDrains(table, replication?.remoteDrains);
  const prover = createProver({
    table,
    probe: options.probe ?? createProbe(runtime.internalTls),
    log: runtime.log.child({ part: 'addresses' }),
    metrics: runtime.metrics,
    closing: runtime.closing,
    changed: watchers.notify,
  });
  await replication?.start({ table, drains, changed: watchers.notify });
  repeatEvery(runtime, 'lease sweep', { everyMs: sweepMs, firstRun: 'later' }, async () => {
    table.expire(undefined, replication?.suspendsRemoteLeases() ? 'disconnected' : 'connected');
    prover.tick();
    drains.tick();
    watchers.notify();
    watchers.tick();
  });
  const { name, version } = runtime;
  const drainCounter = countDrains(runtime);
  const deps: RegistryDeps = {
    name,
    version,
    table,
    watchers,
    streams: createShares(runtime.metrics, {
      name: 'watches',
      limits: streamLimits(options.watchers ?? DEFAULT_WATCHERS),
    }),
    drains,
    countDrain: (outcome) => drainCounter.inc({ outcome }),
    replication,
    lease,
    credentials,
    requiresProof,
    verifiesTls: runtime.internalTls !== null,
    isOwnHost: createRequestHostCheck(options.hosts ?? []),
    prover,
    addressPolicy,
    listing: createListing(table, now),
    close() {
      drains.close();
      watchers.close();
    },
  };
  observeRegistry(runtime, deps);
  return deps;
}

/** A tenth of the places is kept for gateways, as `createShares` keeps it for people. */
const streamLimits = ({ maximum, perAddress }: WatcherLimits) => ({
  maximum,
  anonymous: maximum,
  perAddress,
  perPerson: maximum,
});

/** Serializes the table once for all concurrent readers: a change wakes every long poll at the same time. */
function createListing(table: Table, now: () => number): () => string {
  let cached = { revision: -1, atMs: 0, text: '' };
  return () => {
    if (cached.revision !== table.revision() || now() - cached.atMs > LISTING_REUSE_MS) {
      const listing = { ...table.snapshot(), unverified: table.unverified() };
      cached = { revision: table.revision(), atMs: now(), text: JSON.stringify(listing) };
    }
    return cached.text;
  };
}
