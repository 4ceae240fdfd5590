import { randomUUID } from 'node:crypto';
import type { Heartbeat, Instance } from '#contracts/registry';
import { isSameAddress, sharesHttpAddress } from './addresses';
import { type CompleteRegistration, createCandidates, unverifiedOf } from './candidates';
import { claimsOf } from './claims';
import { decideExpiry } from './expiry';
import { createLeaseClock } from './lease-clock';
import { hashSecret, isSecret, newLeaseSecret } from './lease-secret';
import { createMerging } from './merge';
import type {
  HeartbeatResult,
  RegisterResult,
  RegistrationInput,
  RemoveResult,
  Table,
  TableOptions,
} from './model';
import { createRows, type Entry } from './rows';
import { createVerification, NOT_YET_VERIFIED, viewOf } from './verification';

/**
 * The registered instances: their addresses, states and routes. No I/O: every time comes from the given clock, and every
 * change of what listings show advances the revision by one for each service changed.
 */
export function createTable(options: TableOptions): Table {
  const { epoch, lease, replication } = options;
  const clock = createLeaseClock(options.now, options.sweepMs);
  const rows = createRows(options.limits);
  const candidates = createCandidates();
  const startedAt = options.timestamp();
  const merging = createMerging(rows, replication, {
    time: () => clock.read(),
    renew,
    setView,
    insert,
    unhealthyMs: lease.unhealthyMs,
  });
  const verification = createVerification(rows, candidates, {
    time: () => clock.read(),
    timestamp: options.timestamp,
    heartbeatMs: lease.heartbeatMs,
    insert,
    merging,
  });
  let sweptAt = clock.read();

  function register(input: RegistrationInput, secret?: string, isOwned = false): RegisterResult {
    const registration: CompleteRegistration = { ...input, instance_id: input.instance_id ?? randomUUID() };
    const { name, instance_id: instanceId } = registration;
    const known = rows.get(name, instanceId);
    const waiting = candidates.get(name, instanceId);
    const own = [known, waiting].find(
      (one) => one && secret !== undefined && isSecret(secret, one.secretHash),
    );
    // A process that lost its secret takes its address over by proof; the present lease stays until then.
    if (known && !own && !sharesHttpAddress(known.view, registration)) return { outcome: 'wrong-secret' };
    const counts = { all: candidates.size(), ofService: candidates.countOf(name) };
    const limit = known || waiting ? undefined : rows.reachedLimit(name, counts);
    if (limit) return { outcome: 'full', limit };
    const claims = claimsOf(registration);
    const conflict = rows.claims.conflict(name, claims);
    if (conflict) return { outcome: 'conflict', ...conflict };

    const reported = registration.state ?? 'up';
    if (known && secret !== undefined && own === known) {
      renew(known, reported, 'local');
      if (isSameAddress(known.view, registration) && registration.openapi === undefined) {
        if (waiting && isSecret(secret, waiting.secretHash)) candidates.delete(waiting);
        rows.claims.release(known.view, known.claims);
        rows.claims.acquire(known.view, claims);
        known.claims = claims;
        setView(known, viewOf(registration, known.view));
        merging.changedLocally(known);
        return { outcome: 'renewed', instanceId, secret, isPending: false };
      }
      // Its present address serves until the new one is verified.
      setView(known, { ...known.view, state: reported, protected: false });
      merging.changedLocally(known);
    }
    const leaseSecret = own && secret !== undefined ? secret : newLeaseSecret();
    candidates.put({
      registration,
      secretHash: hashSecret(leaseSecret),
      isOwned: isOwned || (own?.isOwned ?? false),
      reported,
      renewedAt: clock.read(),
      reason: NOT_YET_VERIFIED,
    });
    return { outcome: own ? 'renewed' : 'registered', instanceId, secret: leaseSecret, isPending: true };
  }

  function insert(known: Omit<Entry, 'renewedAt' | 'protectedAt' | 'isGone'>): Entry {
    const entry: Entry = { ...known, renewedAt: clock.read(), protectedAt: undefined, isGone: false };
    rows.add(entry);
    entry.view = { ...entry.view, changed_at_revision: rows.bumpRevision(entry.view.name, clock.read()) };
    return entry;
  }

  function heartbeat(instanceId: string, secret: string, { state, load }: Heartbeat = {}): HeartbeatResult {
    const entry = rows.find(instanceId, secret);
    const waiting = candidates.find(instanceId, secret);
    if (waiting) {
      waiting.renewedAt = clock.read();
      waiting.reported = state ?? waiting.reported;
    }
    if (typeof entry === 'string') {
      if (waiting) return { outcome: 'unverified', reason: waiting.reason };
      return { outcome: candidates.hasId(instanceId) ? 'wrong-secret' : entry };
    }
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
    entry.isGone = false;
  }

  function remove(instanceId: string, secret: string): RemoveResult {
    const entry = rows.find(instanceId, secret);
    const waiting = candidates.find(instanceId, secret);
    if (waiting) candidates.delete(waiting);
    if (typeof entry === 'string') {
      if (waiting) return { outcome: 'removed' };
      return { outcome: candidates.hasId(instanceId) ? 'wrong-secret' : entry };
    }
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
    candidates.expire(time - lease.removedMs);
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
    holds: (name, instanceId, secret) =>
      [rows.get(name, instanceId), candidates.get(name, instanceId)].some(
        (one) => one !== undefined && isSecret(secret, one.secretHash),
      ),
    isOwned: rows.isOwned,
    unverified: () => candidates.all().map(unverifiedOf),
    reasonOf: ({ name, instance_id: id }) => candidates.get(name, id)?.reason,
    target: verification.target,
    doubtful: verification.doubtful,
    settle: verification.settle,
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
