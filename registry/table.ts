import { randomUUID } from 'node:crypto';
import type {
  Heartbeat,
  Instance,
  InstanceState,
  Registration,
  ServiceChange,
  ServicesSnapshot,
} from '#contracts/registry';
import { type ClaimConflict, claimsOf } from './claims';
import { judge, type LeaseRules } from './expiry';
import { createLeaseClock } from './lease-clock';
import { hashSecret, isSecret, newLeaseSecret } from './lease-secret';
import { createMerging, type MergeResult, type ShareOptions } from './merge';
import { createRows, type Entry, type TableLimits } from './rows';
import type { InstanceKey, SharedRecord } from './shared-records';

export interface TableOptions {
  /** Monotonic milliseconds; wall clocks jump. */
  readonly now: () => number;
  /** The wall clock as ISO 8601, only ever shown. */
  readonly timestamp: () => string;
  /** New at every start. */
  readonly epoch: string;
  readonly lease: LeaseRules;
  readonly limits: TableLimits;
  /** How often `expire` is called. */
  readonly sweepMs: number;
  /** Where replicas share the table. */
  readonly share?: ShareOptions | undefined;
}

export type RegisterResult =
  | { readonly outcome: 'registered' | 'renewed'; readonly instanceId: string; readonly secret: string }
  | { readonly outcome: 'wrong-secret' }
  | { readonly outcome: 'full'; readonly limit: 'services' | 'instances' | 'instancesPerService' }
  | ({ readonly outcome: 'claimed' } & ClaimConflict);

export type BeatResult =
  | { readonly outcome: 'beaten'; readonly state: InstanceState }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'wrong-secret' };

export interface RemoveResult {
  readonly outcome: 'removed' | 'unknown' | 'wrong-secret';
}

export interface Table {
  readonly epoch: string;
  revision(): number;
  /** Enters an instance, or renews and updates it for whoever holds its secret. */
  register(registration: Registration, secret?: string): RegisterResult;
  beat(instanceId: string, secret: string, heartbeat?: Heartbeat): BeatResult;
  /** A beat that says the instance takes no new work and will leave. */
  drain(instanceId: string, secret: string): BeatResult;
  remove(instanceId: string, secret: string): RemoveResult;
  /**
   * Moves silent instances on and out. To be called every `sweepMs`.
   *
   * @param others `frozen` while nothing can be heard of what other replicas hear: no time passes for what they heard
   */
  expire(now?: number, others?: 'heard' | 'frozen'): void;
  /** Takes over what another replica knows of an instance. */
  merge(record: SharedRecord): MergeResult;
  /** Another replica has heard this instance. False when nothing is known of it here. */
  heardElsewhere(key: InstanceKey, load: number | undefined): boolean;
  /** What other replicas are to know of an instance. */
  record(key: InstanceKey): SharedRecord | undefined;
  /** Of its record; empty when nothing is known of it. */
  versionOf(key: InstanceKey): string;
  /** All instances that are, and those that were lately. */
  keys(): InstanceKey[];
  instance(name: string, instanceId: string): Instance | undefined;
  /** The instance whose secret this is. */
  find(instanceId: string, secret: string): Instance | 'unknown' | 'wrong-secret';
  /** One service, or nothing for a name never seen. Empty when all of its instances are gone. */
  service(name: string): ServiceChange | undefined;
  snapshot(): ServicesSnapshot;
  /** Whether whoever is not in the table is not there; undefined where it is not shared. */
  isComplete(): boolean | undefined;
  /**
   * What changed after a revision, each service once with its present instances, oldest change first.
   * Nothing is kept for this but each service's last revision, so it is as bounded as the table.
   *
   * @returns undefined when the revision is not of this table or too old to tell: take a snapshot
   */
  since(revision: number): ServiceChange[] | undefined;
}

/**
 * Who is alive, where, and what they answer. No I/O: every time comes from the clock given, and every change
 * of what listings show moves the revision by one for each service changed.
 */
export function createTable(options: TableOptions): Table {
  const { epoch, lease } = options;
  const clock = createLeaseClock(options.now, options.sweepMs);
  const rows = createRows(options.limits);
  const startedAt = options.timestamp();
  const merging = createMerging(rows, options.share, {
    time: () => clock.read(),
    hear,
    show,
    enter,
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
    if (conflict) return { outcome: 'claimed', ...conflict };

    if (known && secret !== undefined) {
      rows.claims.release(known.view, known.claims);
      rows.claims.hold(known.view, claims);
      known.claims = claims;
      hear(known, registration.state ?? 'up', true);
      show(known, viewOf(registration, instanceId, known.view));
      merging.changedHere(known);
      return { outcome: 'renewed', instanceId, secret };
    }
    const newSecret = newLeaseSecret();
    const view = viewOf(registration, instanceId, { registered_at: options.timestamp() });
    const reported = registration.state ?? 'up';
    const secretHash = hashSecret(newSecret);
    merging.changedHere(enter({ view, secretHash, claims, reported, version: '', heardHere: true }));
    return { outcome: 'registered', instanceId, secret: newSecret };
  }

  function enter(known: Omit<Entry, 'heardAt' | 'protectedAt'>): Entry {
    const entry: Entry = { ...known, heardAt: clock.read(), protectedAt: undefined };
    rows.add(entry);
    entry.view = { ...entry.view, changed_at_revision: rows.changed(entry.view.name, clock.read()) };
    return entry;
  }

  function beat(instanceId: string, secret: string, heartbeat: Heartbeat = {}): BeatResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    const before = entry.reported;
    hear(entry, heartbeat.state ?? before, true);
    // Load moves with every beat: listings show it, but it is no change that watchers are told of.
    if (heartbeat.load !== undefined) entry.view = { ...entry.view, load: heartbeat.load };
    show(entry, { ...entry.view, state: entry.reported, protected: false });
    if (entry.reported === before) merging.heardHere(entry);
    else merging.changedHere(entry);
    return { outcome: 'beaten', state: entry.reported };
  }

  function hear(entry: Entry, reported: Entry['reported'], here: boolean) {
    entry.heardAt = clock.read();
    entry.heardHere = here;
    entry.reported = reported;
    entry.protectedAt = undefined;
  }

  function remove(instanceId: string, secret: string): RemoveResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    merging.goneHere(entry, 'left');
    rows.drop(entry);
    rows.changed(entry.view.name, clock.read());
    return { outcome: 'removed' };
  }

  function expire(now?: number, others: 'heard' | 'frozen' = 'heard'): void {
    const time = clock.tick(now);
    const passedMs = time - sweptAt;
    sweptAt = time;
    for (const name of rows.names()) {
      if (others === 'frozen')
        for (const entry of rows.entriesOf(name))
          if (!entry.heardHere) entry.heardAt = Math.min(time, entry.heardAt + passedMs);
      const { removed, newlyProtected } = judge(rows.entriesOf(name), lease, time);
      for (const entry of removed) {
        merging.goneHere(entry, 'expired');
        rows.drop(entry);
      }
      for (const entry of newlyProtected) entry.protectedAt = time;
      const moved = rows.entriesOf(name).filter((entry) => isOutdated(entry, time));
      if (removed.length + moved.length === 0) continue;
      const revision = rows.changed(name, time);
      for (const entry of moved) {
        const isProtected = entry.protectedAt !== undefined;
        entry.view = {
          ...entry.view,
          state: 'unhealthy',
          protected: isProtected,
          changed_at_revision: revision,
        };
      }
    }
    rows.forgetTombstones(time);
    merging.forget();
  }

  const isOutdated = ({ heardAt, protectedAt, view }: Entry, time: number) =>
    time - heardAt >= lease.unhealthyMs &&
    (view.state !== 'unhealthy' || view.protected !== (protectedAt !== undefined));

  /** Puts a new view in place, and moves the revision only when a reader could tell the difference. */
  function show(entry: Entry, view: Instance) {
    if (Bun.deepEquals(entry.view, view)) return;
    entry.view = { ...view, changed_at_revision: rows.changed(view.name, clock.read()) };
  }

  return {
    epoch,
    revision: rows.revision,
    register,
    beat,
    drain: (instanceId, secret) => beat(instanceId, secret, { state: 'draining' }),
    remove,
    expire,
    merge: merging.merge,
    heardElsewhere: merging.heardElsewhere,
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
      ...(options.share && { complete: options.share.isComplete() }),
      revision: rows.revision(),
      services: Object.fromEntries(rows.all().map(({ name, instances }) => [name, instances])),
    }),
    isComplete: () => options.share?.isComplete(),
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
