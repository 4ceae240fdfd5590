import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import { openRedis } from '#kit/redis/client';
import type { Drains, RemoteDrains } from './drains';
import type { LeaseRules } from './expiry';
import { GONE_KEPT_MS } from './gone-records';
import type { HostRule } from './hosts';
import type { ShareOptions } from './merge';
import { createReplicas, REPLICA_LAPSE_MS } from './replicas';
import { instanceOf, keyOf, millisecondsOfVersion, type SharedRecord } from './shared-records';
import { openSharedStore, type ReplicaMessage, type SharedStore } from './shared-store';
import type { Table } from './table';

/** Beats and a sign of life go to the other replicas this often. */
const TELL_MS = 500;
/** Changes made at about the same time go together. */
const CHANGE_REST_MS = 2;
/** All records are compared this often, for what was lost on the way; and after every time Redis was away. */
const RECONCILE_MS = 60_000;
/** A beat of an instance whose record has not come is worth a look, but not each. */
const RECONCILE_REST_MS = 1_000;
const FIRST_ECHO_MS = 2_000;

export interface SharingStatus {
  /** Whether what this replica says comes back to it: then the others hear it, and it hears them. */
  readonly working: boolean;
  /** This one included. */
  readonly replicas: number;
  readonly complete: boolean;
}

export interface Sharing {
  /** For the table. */
  readonly share: ShareOptions;
  /** For the drains. */
  readonly remote: RemoteDrains;
  /** Reads what the others know and begins to tell; resolves within seconds, whether Redis is there or not. */
  begin(parts: { table: Table; drains: Drains; changed: () => void }): Promise<void>;
  /** Whether what other replicas hear cannot be heard, and not for so long that it must count as silence. */
  othersAreFrozen(): boolean;
  status(): SharingStatus;
}

interface SharingOptions {
  readonly url: string;
  /** Replicas of one group share one table. */
  readonly group: string;
  /** The epoch of this replica's table. */
  readonly replica: string;
  readonly lease: LeaseRules;
  readonly hostRule: HostRule;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Replicas of one registry, each with the whole table in memory. A change goes to the others as a record with a version,
 * heartbeats in batches; Redis carries both and keeps the records for a replica that begins. Without Redis every replica
 * goes on alone, and nothing expires that another one may have heard.
 */
export function createSharing(runtime: Runtime, options: SharingOptions): Sharing {
  const { replica, lease, now } = options;
  const log = runtime.log.child({ part: 'sharing' });
  const replicas = createReplicas(now);
  const changed = new Set<string>();
  const beats = new Map<string, number | null>();
  let acknowledgements: ReplicaMessage['acknowledgements'] = [];
  const startedMs = now();
  const firstEcho = Promise.withResolvers<void>();
  let echoAtMs = Number.NEGATIVE_INFINITY;
  let wasWorking = false;
  let reconciledAtMs = Number.NEGATIVE_INFINITY;
  /** Since the last time Redis was away. */
  let isReconciled = false;
  let knowsEverybody = false;
  let parts: { table: Table; drains: Drains; changed: () => void } | undefined;
  let store: SharedStore | undefined;
  let soon: Timer | undefined;
  let telling: Promise<void> = Promise.resolve();
  /** Whether a telling has yet to begin: it takes along whatever comes until then. */
  let isQueued = false;
  /** One warning for each time it fails, not one for each attempt. */
  let saidFailing = false;

  const isWorking = () => now() - echoAtMs < REPLICA_LAPSE_MS;
  const isComplete = () => knowsEverybody && isReconciled && isWorking();

  function tellSoon() {
    soon ??= setTimeout(() => void tell(), CHANGE_REST_MS);
  }

  /** One message after the other, so that a record never overtakes its successor. */
  function tell(sign?: 'hello' | 'bye'): Promise<void> {
    clearTimeout(soon);
    soon = undefined;
    if (isQueued && sign === undefined) return telling;
    isQueued = true;
    telling = telling.then(() => {
      isQueued = false;
      return tellNow(sign);
    });
    return telling;
  }

  async function tellNow(sign: 'hello' | 'bye' | undefined): Promise<void> {
    if (!store || !parts) return;
    const { table, drains } = parts;
    const taken = { changed: [...changed], beats: [...beats], acknowledgements };
    changed.clear();
    beats.clear();
    acknowledgements = [];
    const records = taken.changed
      .map((key) => table.record(instanceOf(key)))
      .filter((record) => record !== undefined);
    const message: ReplicaMessage = {
      from: replica,
      ...(sign && { sign }),
      records,
      beats: taken.beats,
      drains: drains.reports(),
      acknowledgements: taken.acknowledgements,
    };
    try {
      await store.tell(message, isComplete() ? lease.removedMs : 0);
      saidFailing = false;
    } catch (failure) {
      if (!saidFailing) log.warn({ err: failure }, 'the other replicas cannot be told: trying on');
      saidFailing = true;
      // Later ones hold. What was acknowledged meanwhile is too late for whoever waited.
      for (const key of taken.changed) changed.add(key);
      for (const [key, load] of taken.beats) if (!beats.has(key)) beats.set(key, load);
    }
  }

  function heard(message: ReplicaMessage) {
    if (!parts) return;
    if (message.from === replica) {
      echoAtMs = now();
      firstEcho.resolve();
      return;
    }
    const { table, drains } = parts;
    let isLacking = false;
    for (const record of message.records) takeOver(record, table);
    for (const [key, load] of message.beats)
      isLacking = !table.heardElsewhere(instanceOf(key), load ?? undefined) || isLacking;
    for (const { watcher, key, revision } of message.acknowledgements)
      drains.noteAcknowledged(watcher, key, revision);
    const isNew = replicas.heard(message);
    const drainsHere = message.records.some(
      (record) => 'reported' in record && record.reported === 'draining',
    );
    if (isNew || message.sign === 'hello' || drainsHere) tellSoon();
    if (isLacking && now() - reconciledAtMs > RECONCILE_REST_MS) void reconcile();
    parts.changed();
    drains.check();
  }

  function takeOver(record: SharedRecord, table: Table) {
    const refusal = 'instance' in record ? options.hostRule(record.instance.host) : undefined;
    if (refusal) {
      log.warn(
        { service: record.name, refusal },
        'a replica let a host register that may not here: left out',
      );
      return;
    }
    const { conflict } = table.merge(record);
    if (conflict)
      log.warn(
        { service: record.name, instance_id: record.instance_id, ...conflict },
        'two services registered the same route or prefix at two replicas at once: the older one answers it',
      );
  }

  /** Takes over what the others have written, and writes what they lack. */
  async function reconcile(): Promise<void> {
    if (!store || !parts) return;
    const { table } = parts;
    reconciledAtMs = now();
    try {
      const written = new Map<string, string>();
      const forgotten: string[] = [];
      for (const { key, version, read } of await store.readAll()) {
        written.set(key, version);
        const record = version > table.versionOf(instanceOf(key)) ? read() : undefined;
        if (record) takeOver(record, table);
        if (isLongGone(table, key)) forgotten.push(key);
      }
      await store.forget(forgotten);
      for (const key of table.keys().map(keyOf))
        if ((written.get(key) ?? '') < table.versionOf(instanceOf(key)) && !isLongGone(table, key))
          changed.add(key);
      knowsEverybody ||= (await store.isComplete()) || now() - startedMs > lease.removedMs;
      isReconciled = true;
      parts.changed();
      if (changed.size > 0) tellSoon();
    } catch (failure) {
      if (!saidFailing) log.warn({ err: failure }, 'the records cannot be compared: trying on');
      saidFailing = true;
    }
  }

  /** Looks after itself twice a second. */
  function tick() {
    if (replicas.forgetSilent()) parts?.drains.check();
    const working = isWorking();
    if (working !== wasWorking) {
      if (working) log.info('the table is shared');
      else log.warn('Redis is away: going on alone, and what other replicas have heard expires no more');
      isReconciled = false;
    }
    wasWorking = working;
    if (!working) store?.listen();
    const isDue = now() - reconciledAtMs > (isReconciled ? RECONCILE_MS : RECONCILE_REST_MS);
    if (working && isDue) void reconcile();
    knowsEverybody ||= isReconciled && now() - startedMs > lease.removedMs;
    void tell();
  }

  return {
    share: {
      replica,
      wallClock: Date.now,
      isComplete,
      changed(instance) {
        changed.add(keyOf(instance));
        tellSoon();
      },
      heard: (instance) => void beats.set(keyOf(instance), instance.load ?? null),
    },
    remote: {
      progress: replicas.progress,
      forward(other, acknowledgement) {
        if (!replicas.has(other)) return false;
        acknowledgements.push(acknowledgement);
        tellSoon();
        return true;
      },
      progressed: tellSoon,
    },
    async begin(given) {
      parts = given;
      const redis = await openRedis(runtime, { url: options.url, required: false });
      const unreadable = (what: string) => log.warn(`${what} is not a replica's: left out`);
      store = await openSharedStore(redis, { group: options.group, heard, unreadable });
      await tell('hello');
      if (redis.isReady)
        await withTimeout(firstEcho.promise, FIRST_ECHO_MS, 'the first echo').catch(() => undefined);
      await reconcile();
      wasWorking = isWorking();
      if (!wasWorking) log.warn('Redis is away: beginning alone');
      const timer = setInterval(tick, TELL_MS);
      runtime.dependency({ name: 'replicas', required: false, check: async () => describe() });
      runtime.onClose('sharing', async () => {
        clearInterval(timer);
        await tell('bye');
        store?.close();
      });
    },
    othersAreFrozen: () => !isWorking() && now() - Math.max(echoAtMs, startedMs) < lease.protectionMs,
    status: () => ({ working: isWorking(), replicas: replicas.count() + 1, complete: isComplete() }),
  };

  function describe(): string {
    if (!isWorking())
      throw new DependencyUnavailable({ detail: 'Redis is away: this replica goes on alone' });
    return `${replicas.count()} others share the table`;
  }
}

/** Nobody needs to be told of it any more. */
function isLongGone(table: Table, key: string): boolean {
  const record = table.record(instanceOf(key));
  return (
    record !== undefined &&
    'gone' in record &&
    Date.now() - millisecondsOfVersion(record.version) > GONE_KEPT_MS
  );
}
