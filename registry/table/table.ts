import { randomUUID } from 'node:crypto';
import type { Heartbeat, Instance, Registration } from '#contracts/registry';
import { claimsOf } from './claims';
import { decideExpiry } from './expiry';
import { createLeaseClock } from './lease-clock';
import { hashSecret, isSecret, newLeaseSecret } from './lease-secret';
import { createMerging } from './merge';
import type { HeartbeatResult, RegisterResult, RemoveResult, Table, TableOptions } from './model';
import { createRows, type Entry } from './rows';

/**
 * The registered instances: their addresses, states and routes. No I/O: every time comes from the given clock, and every
 * change of what listings show advances the revision by one for each service changed.
 */
export function createTable(options: TableOptions): Table {
  const { epoch, lease, replication } = options;
  const clock = createLeaseClock(options.now, options.sweepMs);
  const rows = createRows(options.limits);
  const startedAt = options.timestamp();
  const merging = createMerging(rows, replication, {
    time: () => clock.read(),
    renew,
    setView,
    insert,
    unhealthyMs: lease.unhealthyMs,
  });
  let sweptAt = clock.read();

  function register(registration: Registration, secret?: string): RegisterResult {
    const { name, instance_id: instanceId = randomUUID() } = registration;
    const known = rows.get(name, instanceId);
    if (known && (secret === undefined || !isSecret(secret, known.secretHash)))
      return { outcome: 'wrong-secret' };
    const limit = known ? undefined : rows.reachedLimit(name);
    if (limit) return { outcome: 'full', limit };
    const claims = claimsOf(registration);
    const conflict = rows.claims.conflict(name, claims);
    if (conflict) return { outcome: 'conflict', ...conflict };

    if (known && secret !== undefined) {
      rows.claims.release(known.view, known.claims);
      rows.claims.acquire(known.view, claims);
      known.claims = claims;
      renew(known, registration.state ?? 'up', 'local');
      setView(known, viewOf(registration, instanceId, known.view));
      merging.changedLocally(known);
      return { outcome: 'renewed', instanceId, secret };
    }
    const newSecret = newLeaseSecret();
    const view = viewOf(registration, instanceId, { registered_at: options.timestamp() });
    const reported = registration.state ?? 'up';
    const secretHash = hashSecret(newSecret);
    merging.changedLocally(insert({ view, secretHash, claims, reported, version: '', renewedLocally: true }));
    return { outcome: 'registered', instanceId, secret: newSecret };
  }

  function insert(known: Omit<Entry, 'renewedAt' | 'protectedAt'>): Entry {
    const entry: Entry = { ...known, renewedAt: clock.read(), protectedAt: undefined };
    rows.add(entry);
    entry.view = { ...entry.view, changed_at_revision: rows.bumpRevision(entry.view.name, clock.read()) };
    return entry;
  }

  function heartbeat(instanceId: string, secret: string, { state, load }: Heartbeat = {}): HeartbeatResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    const before = entry.reported;
    renew(entry, state ?? before, 'local');
    // Load varies with every heartbeat: listings show it, but it is not a change that watchers are notified of.
    if (load !== undefined) entry.view = { ...entry.view, load };
    setView(entry, { ...entry.view, state: entry.reported, protected: false });
    if (entry.reported === before) merging.renewedLocally(entry);
    else merging.changedLocally(entry);
    return { outcome: 'renewed', state: entry.reported };
  }

  function renew(entry: Entry, reported: Entry['reported'], at: 'local' | 'remote') {
    entry.renewedAt = clock.read();
    entry.renewedLocally = at === 'local';
    entry.reported = reported;
    entry.protectedAt = undefined;
  }

  function remove(instanceId: string, secret: string): RemoveResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    merging.removingLocally(entry, 'left');
    rows.remove(entry);
    rows.bumpRevision(entry.view.name, clock.read());
    return { outcome: 'removed' };
  }

  function expire(now?: number, peers: 'connected' | 'disconnected' = 'connected'): void {
    const time = clock.tick(now);
    const elapsedMs = time - sweptAt;
    sweptAt = time;
    for (const name of rows.names()) {
      if (peers === 'disconnected') suspendRemoteLeases(name, time, elapsedMs);
      expireService(name, time);
    }
    rows.purgeTombstones(time);
    merging.purge();
  }

  /** Heartbeats to other replicas cannot arrive, so their absence does not count. */
  function suspendRemoteLeases(name: string, time: number, elapsedMs: number) {
    for (const entry of rows.entriesOf(name))
      if (!entry.renewedLocally) entry.renewedAt = Math.min(time, entry.renewedAt + elapsedMs);
  }

  function expireService(name: string, time: number) {
    const { removed, newlyProtected } = decideExpiry(rows.entriesOf(name), lease, time);
    for (const entry of removed) {
      merging.removingLocally(entry, 'expired');
      rows.remove(entry);
    }
    for (const entry of newlyProtected) entry.protectedAt = time;
    const outdated = rows.entriesOf(name).filter((entry) => isOutdated(entry, time));
    if (removed.length + outdated.length === 0) return;
    const revision = rows.bumpRevision(name, time);
    for (const entry of outdated)
      entry.view = {
        ...entry.view,
        state: 'unhealthy',
        protected: entry.protectedAt !== undefined,
        changed_at_revision: revision,
      };
  }

  const isOutdated = ({ renewedAt, protectedAt, view }: Entry, time: number) =>
    time - renewedAt >= lease.unhealthyMs &&
    (view.state !== 'unhealthy' || view.protected !== (protectedAt !== undefined));

  /** Replaces the view, and advances the revision only when a reader could see a difference. */
  function setView(entry: Entry, view: Instance) {
    if (Bun.deepEquals(entry.view, view)) return;
    entry.view = { ...view, changed_at_revision: rows.bumpRevision(view.name, clock.read()) };
  }

  return {
    epoch,
    revision: rows.revision,
    register,
    heartbeat,
    drain: (instanceId, secret) => heartbeat(instanceId, secret, { state: 'draining' }),
    remove,
    expire,
    merge: merging.merge,
    renewedRemotely: merging.renewedRemotely,
    record: merging.record,
    versionOf: merging.versionOf,
    keys: merging.keys,
    instance: (name, instanceId) => rows.get(name, instanceId)?.view,
    find(instanceId, secret) {
      const entry = rows.find(instanceId, secret);
      return typeof entry === 'string' ? entry : entry.view;
    },
    service: rows.service,
    snapshot: () => ({
      epoch,
      started_at: startedAt,
      ...(replication && { complete: replication.isComplete() }),
      revision: rows.revision(),
      services: Object.fromEntries(rows.all().map(({ name, instances }) => [name, instances])),
    }),
    isComplete: () => replication?.isComplete(),
    since: rows.since,
  };
}

function viewOf(
  registration: Registration,
  instanceId: string,
  known: Pick<Instance, 'registered_at' | 'load'> & Partial<Instance>,
): Instance {
  const { name, version, host, port, grpc_port, zone, routes, prefixes } = registration;
  return {
    instance_id: instanceId,
    name,
    version,
    host,
    port,
    ...(grpc_port !== undefined && { grpc_port }),
    weight: registration.weight ?? 100,
    ...(zone !== undefined && { zone }),
    metadata: registration.metadata ?? {},
    routes,
    prefixes,
    state: registration.state ?? 'up',
    protected: false,
    ...(known.load !== undefined && { load: known.load }),
    registered_at: known.registered_at,
    changed_at_revision: known.changed_at_revision ?? 0,
  };
}
