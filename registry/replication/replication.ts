import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import { openRedis } from '#kit/redis/client';
import type { AddressPolicy } from '../access/address-policy';
import type { Drains, RemoteDrains } from '../drains/drains';
import type { LeaseRules } from '../table/expiry';
import type { ReplicationHooks, Table } from '../table/model';
import { type InstanceRecord, keyOf, millisecondsOfVersion, parseKey } from '../table/records';
import { REMOVED_RETENTION_MS } from '../table/removed-records';
import type { ReplicaMessage } from './messages';
import { createPublisher } from './publisher';
import { openRecordStore, type RecordStore } from './record-store';
import { createReplicas, REPLICA_TIMEOUT_MS } from './replicas';

/** How often heartbeats and a sign of life are published to the other replicas. */
const PUBLISH_MS = 500;
/** How often all records are compared, to recover lost messages; also after every outage of Redis. */
const RECONCILE_MS = 60_000;
/** The shortest interval between reconciliations, for heartbeats of unknown instances and after failures. */
const RECONCILE_MIN_MS = 1_000;
const FIRST_ECHO_MS = 2_000;

export interface ReplicationStatus {
  /** Whether this replica's own messages come back to it: then it is connected to the others. */
  readonly working: boolean;
  /** This one included. */
  readonly replicas: number;
  readonly complete: boolean;
}

export interface Replication {
  readonly hooks: ReplicationHooks;
  readonly remoteDrains: RemoteDrains;
  /** Reads the shared records and starts to publish; resolves within seconds, with or without Redis. */
  start(parts: ReplicatedParts): Promise<void>;
  /** Whether this replica has been disconnected, but not for so long that missing remote heartbeats must count. */
  suspendsRemoteLeases(): boolean;
  status(): ReplicationStatus;
}

interface ReplicatedParts {
  readonly table: Table;
  readonly drains: Drains;
  /** Called after records were applied to the table. */
  readonly changed: () => void;
}

interface ReplicationOptions {
  readonly url: string;
  /** The replicas of one group share one table. */
  readonly group: string;
  /** The epoch of this replica's table. */
  readonly replica: string;
  readonly lease: LeaseRules;
  readonly addressPolicy: AddressPolicy;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Replicas of one registry, each with the whole table in memory. A change is published as a versioned record, heartbeats
 * in batches; Redis carries both and stores the records for replicas that start later. Without Redis every replica runs
 * standalone, and leases that may have been renewed on another replica do not expire.
 */
export function createReplication(runtime: Runtime, options: ReplicationOptions): Replication {
  const { replica, lease, now } = options;
  const log = runtime.log.child({ part: 'replication' });
  const replicas = createReplicas(now);
  const startedMs = now();
  const firstEcho = Promise.withResolvers<void>();
  let echoAtMs = Number.NEGATIVE_INFINITY;
  let wasWorking = false;
  let reconciledAtMs = Number.NEGATIVE_INFINITY;
  /** Since the last outage of Redis. */
  let isReconciled = false;
  let hasAllInstances = false;
  let parts: ReplicatedParts | undefined;
  let store: RecordStore | undefined;
  /** One warning an outage, not one an attempt. */
  let isFailureLogged = false;

  const isWorking = () => now() - echoAtMs < REPLICA_TIMEOUT_MS;
  const isComplete = () => hasAllInstances && isReconciled && isWorking();
  const publisher = createPublisher({
    replica,
    source: () => store && parts && { store, table: parts.table, drains: parts.drains },
    completeMs: () => (isComplete() ? lease.removedMs : 0),
    succeeded() {
      isFailureLogged = false;
    },
    failed: (failure) => logFailure(failure, 'publishing to the other replicas failed; retrying'),
  });

  function logFailure(failure: unknown, message: string) {
    if (!isFailureLogged) log.warn({ err: failure }, message);
    isFailureLogged = true;
  }

  function received(message: ReplicaMessage) {
    if (!parts) return;
    if (message.from === replica) {
      echoAtMs = now();
      firstEcho.resolve();
      return;
    }
    const { table, drains } = parts;
    let isRecordMissing = false;
    for (const record of message.records) apply(record, table);
    for (const [key, load] of message.beats)
      isRecordMissing = !table.renewedRemotely(parseKey(key), load ?? undefined) || isRecordMissing;
    for (const { watcher, key, revision } of message.acknowledgements)
      drains.recordAcknowledgement(watcher, key, revision);
    const isNew = replicas.received(message);
    const hasDraining = message.records.some(
      (record) => 'reported' in record && record.reported === 'draining',
    );
    if (isNew || message.sign === 'hello' || hasDraining) publisher.schedule();
    if (isRecordMissing && now() - reconciledAtMs > RECONCILE_MIN_MS) void reconcile();
    parts.changed();
    drains.check();
  }

  function apply(record: InstanceRecord, table: Table) {
    const { name: service, instance_id } = record;
    const refusal = 'instance' in record ? options.addressPolicy(record.instance.host) : undefined;
    if (refusal) {
      log.warn({ service, refusal }, 'a replica accepted a host that this one refuses; record ignored');
      return;
    }
    const { conflict } = table.merge(record);
    if (conflict)
      log.warn(
        { service, instance_id, ...conflict },
        'two services registered the same route or prefix on two replicas; the older service keeps it',
      );
  }

  /** Applies the records that are newer in Redis, and publishes those that are newer on this replica. */
  async function reconcile(): Promise<void> {
    if (!store || !parts) return;
    const { table } = parts;
    reconciledAtMs = now();
    try {
      const stored = new Map<string, string>();
      const purgeable: string[] = [];
      for (const { key, version, read } of await store.readAll()) {
        stored.set(key, version);
        const record = version > table.versionOf(parseKey(key)) ? read() : undefined;
        if (record) apply(record, table);
        if (isPurgeable(table, key)) purgeable.push(key);
      }
      await store.remove(purgeable);
      for (const key of table.keys().map(keyOf))
        if ((stored.get(key) ?? '') < table.versionOf(parseKey(key)) && !isPurgeable(table, key))
          publisher.addChange(key);
      hasAllInstances ||= (await store.isComplete()) || now() - startedMs > lease.removedMs;
      isReconciled = true;
      parts.changed();
      if (publisher.hasChanges()) publisher.schedule();
    } catch (failure) {
      logFailure(failure, 'reconciling the records failed; retrying');
    }
  }

  /** Detects outages, reconciles when it is due, and publishes. */
  async function tick() {
    if (replicas.removeSilent()) parts?.drains.check();
    const working = isWorking();
    if (working !== wasWorking) {
      if (working) log.info('the table is replicated');
      else
        log.warn('Redis is unavailable; running standalone, leases renewed on other replicas do not expire');
      isReconciled = false;
    }
    wasWorking = working;
    if (!working) store?.resubscribe();
    const isDue = now() - reconciledAtMs > (isReconciled ? RECONCILE_MS : RECONCILE_MIN_MS);
    if (working && isDue) void reconcile();
    hasAllInstances ||= isReconciled && now() - startedMs > lease.removedMs;
    void publisher.publish();
  }

  async function start(given: ReplicatedParts) {
    parts = given;
    const redis = await openRedis(runtime, { url: options.url, required: false });
    const invalid = (what: string) => log.warn(`ignored a malformed ${what} in Redis`);
    store = await openRecordStore(redis, { group: options.group, received, invalid });
    await publisher.publish('hello');
    if (redis.isReady)
      await withTimeout(firstEcho.promise, FIRST_ECHO_MS, 'the first echo').catch(() => undefined);
    await reconcile();
    wasWorking = isWorking();
    if (!wasWorking) log.warn('Redis is unavailable; starting standalone');
    runtime.dependency({ name: 'replicas', required: false, check: async () => describeState() });
    runtime.onClose('replication', async () => {
      await publisher.publish('bye');
      store?.close();
    });
    repeatEvery(runtime, 'replication', { everyMs: PUBLISH_MS, firstRun: 'later' }, tick);
  }

  function describeState(): string {
    if (!isWorking())
      throw new DependencyUnavailable({ detail: 'Redis is unavailable: this replica runs standalone' });
    return `${replicas.count()} others share the table`;
  }

  return {
    hooks: {
      replica,
      wallClock: Date.now,
      isComplete,
      changed(instance) {
        publisher.addChange(keyOf(instance));
        publisher.schedule();
      },
      renewed: (instance) => publisher.addHeartbeat(keyOf(instance), instance.load),
    },
    remoteDrains: {
      progress: replicas.progress,
      forward(other, acknowledgement) {
        if (!replicas.has(other)) return false;
        publisher.addAcknowledgement(acknowledgement);
        publisher.schedule();
        return true;
      },
      progressed: publisher.schedule,
    },
    start,
    suspendsRemoteLeases: () => !isWorking() && now() - Math.max(echoAtMs, startedMs) < lease.protectionMs,
    status: () => ({ working: isWorking(), replicas: replicas.count() + 1, complete: isComplete() }),
  };
}

/** Whether every replica has received the removal of this instance. */
function isPurgeable(table: Table, key: string): boolean {
  const record = table.record(parseKey(key));
  return (
    record !== undefined &&
    'gone' in record &&
    Date.now() - millisecondsOfVersion(record.version) > REMOVED_RETENTION_MS
  );
}
