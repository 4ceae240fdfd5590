import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { createDrains, type Drains } from './drains';
import { DEFAULT_LEASE, type LeaseRules } from './expiry';
import type { HostRule } from './hosts';
import { countDrains, observeRegistry } from './metrics';
import { DEFAULT_LIMITS } from './rows';
import { createSharing, type Sharing } from './sharing';
import { createTable, type Table } from './table';
import { createWatchers, type Watchers } from './watchers';

/** Sweeps run five times in a heartbeat: an instance is moved on at most a fifth of a beat late. */
const SWEEPS_IN_HEARTBEAT = 5;
const MAXIMUM_WATCHERS = 1_000;
/** For how long a listing may be reused although loads, which are no change of the table, have moved. */
const LISTING_REUSE_MS = 1_000;

export interface RegistryDeps {
  readonly name: string;
  readonly version: string;
  readonly table: Table;
  readonly watchers: Watchers;
  readonly drains: Drains;
  readonly countDrain: (outcome: 'drained' | 'timed-out' | 'unacknowledged') => void;
  /** Where replicas share the table. */
  readonly sharing: Sharing | undefined;
  readonly lease: LeaseRules;
  readonly hostRule: HostRule;
  /** Needed for a first registration, where it is set. */
  readonly token: string | undefined;
  readonly listing: () => string;
  /** Ends the sweep and every open stream. */
  readonly close: () => void;
}

/**
 * Opens a table, with the sweep that expires leases and the watchers that hear of it. It begins empty, or where replicas
 * share it, with what they know.
 *
 * @param options.redis where replicas share it: the Redis between them, and the group of those that share one table
 */
export async function openRegistry(
  runtime: Runtime,
  options: {
    token: string | undefined;
    hostRule: HostRule;
    lease?: LeaseRules;
    redis?: { url: string; group: string } | undefined;
  },
): Promise<RegistryDeps> {
  const now = () => performance.now();
  const lease = options.lease ?? DEFAULT_LEASE;
  const sweepMs = lease.heartbeatMs / SWEEPS_IN_HEARTBEAT;
  const timestamp = () => new Date().toISOString();
  const epoch = uuidv7();
  const { redis, token, hostRule } = options;
  const sharing = redis && createSharing(runtime, { ...redis, replica: epoch, lease, hostRule, now });
  const share = sharing?.share;
  const table = createTable({ now, timestamp, epoch, lease, limits: DEFAULT_LIMITS, sweepMs, share });
  const watchers = createWatchers(table, { now, maximum: MAXIMUM_WATCHERS });
  const drains = createDrains(table, sharing?.remote);
  await sharing?.begin({ table, drains, changed: watchers.notify });
  const sweep = setInterval(() => {
    table.expire(undefined, sharing?.othersAreFrozen() ? 'frozen' : 'heard');
    drains.tick();
    watchers.notify();
    watchers.tick();
  }, sweepMs);
  const close = () => {
    clearInterval(sweep);
    drains.close();
    watchers.close();
  };
  const { name, version } = runtime;
  const drainCounter = countDrains(runtime);
  const deps = {
    name,
    version,
    table,
    watchers,
    drains,
    countDrain: (outcome: string) => drainCounter.inc({ outcome }),
    sharing,
    lease,
    token,
    hostRule,
    listing: createListing(table, now),
    close,
  };
  observeRegistry(runtime, deps);
  return deps;
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
