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
import { createRows, type Entry, type TableLimits } from './rows';

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
  /** Moves silent instances on and out. To be called every `sweepMs`. */
  expire(now?: number): void;
  instance(name: string, instanceId: string): Instance | undefined;
  /** The instance whose secret this is. */
  find(instanceId: string, secret: string): Instance | 'unknown' | 'wrong-secret';
  /** One service, or nothing for a name never seen. Empty when all of its instances are gone. */
  service(name: string): ServiceChange | undefined;
  snapshot(): ServicesSnapshot;
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
      rows.claims.hold(name, claims);
      rows.claims.release(known.claims);
      known.claims = claims;
      hear(known, registration.state ?? 'up');
      show(known, viewOf(registration, instanceId, known.view));
      return { outcome: 'renewed', instanceId, secret };
    }
    const newSecret = newLeaseSecret();
    const view = viewOf(registration, instanceId, { registered_at: options.timestamp() });
    enter(view, newSecret, claims);
    return { outcome: 'registered', instanceId, secret: newSecret };
  }

  function enter(view: Instance, secret: string, claims: readonly string[]) {
    const reported = view.state === 'starting' ? 'starting' : 'up';
    const secretHash = hashSecret(secret);
    const entry: Entry = {
      view,
      secretHash,
      claims,
      heardAt: clock.read(),
      reported,
      protectedAt: undefined,
    };
    rows.add(entry);
    entry.view = { ...view, changed_at_revision: rows.changed(view.name, clock.read()) };
  }

  function beat(instanceId: string, secret: string, heartbeat: Heartbeat = {}): BeatResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    hear(entry, heartbeat.state ?? entry.reported);
    // Load moves with every beat: listings show it, but it is no change that watchers are told of.
    if (heartbeat.load !== undefined) entry.view = { ...entry.view, load: heartbeat.load };
    show(entry, { ...entry.view, state: entry.reported, protected: false });
    return { outcome: 'beaten', state: entry.reported };
  }

  function hear(entry: Entry, reported: Entry['reported']) {
    entry.heardAt = clock.read();
    entry.reported = reported;
    entry.protectedAt = undefined;
  }

  function remove(instanceId: string, secret: string): RemoveResult {
    const entry = rows.find(instanceId, secret);
    if (typeof entry === 'string') return { outcome: entry };
    rows.drop(entry);
    rows.changed(entry.view.name, clock.read());
    return { outcome: 'removed' };
  }

  function expire(now?: number): void {
    const time = clock.tick(now);
    for (const name of rows.names()) {
      const { removed, newlyProtected } = judge(rows.entriesOf(name), lease, time);
      for (const entry of removed) rows.drop(entry);
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
    instance: (name, instanceId) => rows.get(name, instanceId)?.view,
    find(instanceId, secret) {
      const entry = rows.find(instanceId, secret);
      return typeof entry === 'string' ? entry : entry.view;
    },
    service: rows.service,
    snapshot: () => ({
      epoch,
      started_at: startedAt,
      revision: rows.revision(),
      services: Object.fromEntries(rows.all().map(({ name, instances }) => [name, instances])),
    }),
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
