import type { Instance } from '#contracts/registry';
import { hashSecret, newLeaseSecret } from './lease-secret';
import { type InstanceKey, instanceOf, keyOf } from './shared-records';
import type { ReplicaMessage } from './shared-store';
import type { Table } from './table';

/** How far the gateways are with one draining instance. */
export interface DrainProgress {
  readonly acknowledgedBy: number;
  readonly waitingFor: number;
}

/** The gateways that watch other replicas of this registry. */
export interface RemoteDrains {
  progress(key: string, version: string): DrainProgress;
  /** Hands on what was said here by a watcher of another replica; false when that is none that is known. */
  forward(replica: string, acknowledgement: ReplicaMessage['acknowledgements'][number]): boolean;
  /** Something that the others wait for may have come to pass. */
  progressed(): void;
}

/** What a watcher that acknowledges drains shows to do so; it ends with its stream. */
export interface AcknowledgingWatcher {
  readonly token: string;
  end(): void;
}

interface Wait {
  check(): void;
  /** The instance beats no more while it waits: the wait itself keeps its lease. */
  keepAlive(): void;
  giveUp(): void;
}

export type Drains = ReturnType<typeof createDrains>;

/**
 * Who has let go of which draining instance. A watcher that acknowledges says of every draining instance, once, that it
 * sends it nothing more and that its requests have ended. It says so of one state of the instance, named by the
 * revision that brought it: an instance that came back and drains again is let go of again.
 *
 * Whoever waits is answered when every acknowledging watcher connected at that moment, to whichever replica, has said
 * so. One whose stream has ended is not waited for; one that comes later is, and starts with a snapshot in which the
 * instance is draining.
 */
export function createDrains(table: Table, remote?: RemoteDrains) {
  /** By the hash of its token: the revision of each instance it has let go of. */
  const watchers = new Map<string, Map<string, number>>();
  const waits = new Set<Wait>();

  function connect(): AcknowledgingWatcher {
    const token = `${table.epoch}.${newLeaseSecret()}`;
    const hash = hashed(token);
    watchers.set(hash, new Map());
    return {
      token,
      end() {
        if (watchers.delete(hash)) progressed();
      },
    };
  }

  /** False when no watcher has this token, or its stream has ended. */
  function acknowledge(token: string, instance: InstanceKey, revision: number): boolean {
    const watcher = hashed(token);
    const key = keyOf(instance);
    // Behind one name a call may reach another replica than the stream does.
    const [replica = ''] = token.split('.');
    if (remote && replica !== table.epoch) return remote.forward(replica, { watcher, key, revision });
    return noteAcknowledged(watcher, key, revision);
  }

  function noteAcknowledged(watcher: string, key: string, revision: number): boolean {
    const seen = watchers.get(watcher);
    if (!seen) return false;
    // Nothing is kept of instances that are not there to be waited for.
    if (draining(table, instanceOf(key))) seen.set(key, revision);
    progressed();
    return true;
  }

  function progressed() {
    check();
    remote?.progressed();
  }

  /** Of the gateways that watch this replica. */
  function ownProgress(instance: InstanceKey): DrainProgress {
    const state = draining(table, instance);
    if (!state) return { acknowledgedBy: watchers.size, waitingFor: 0 };
    let acknowledgedBy = 0;
    for (const seen of watchers.values())
      if ((seen.get(keyOf(instance)) ?? -1) >= state.changed_at_revision) acknowledgedBy++;
    return { acknowledgedBy, waitingFor: watchers.size - acknowledgedBy };
  }

  function progress(instance: InstanceKey): DrainProgress {
    const own = ownProgress(instance);
    const others = remote?.progress(keyOf(instance), table.versionOf(instance));
    return {
      acknowledgedBy: own.acknowledgedBy + (others?.acknowledgedBy ?? 0),
      waitingFor: own.waitingFor + (others?.waitingFor ?? 0),
    };
  }

  /** Resolves when everybody has let go of the instance, when `timeoutMs` have passed, or at `close`. */
  function wait(instance: InstanceKey, timeoutMs: number, keepAlive: () => void): Promise<DrainProgress> {
    return new Promise((resolve) => {
      const timeout = setTimeout(() => own.giveUp(), timeoutMs);
      const own: Wait = {
        keepAlive,
        check() {
          if (progress(instance).waitingFor === 0) own.giveUp();
        },
        giveUp() {
          clearTimeout(timeout);
          waits.delete(own);
          resolve(progress(instance));
        },
      };
      waits.add(own);
      own.check();
    });
  }

  function check(): void {
    for (const each of waits) each.check();
  }

  /** Keeps leases that are waited for and forgets what has left. To be called at every sweep. */
  function tick(): void {
    for (const each of waits) each.keepAlive();
    for (const seen of watchers.values())
      for (const key of seen.keys()) if (!draining(table, instanceOf(key))) seen.delete(key);
    check();
  }

  /** What the other replicas wait for. */
  function reports(): ReplicaMessage['drains'] {
    const instances = Object.values(table.snapshot().services).flat();
    return instances
      .filter(({ state }) => state === 'draining')
      .map((instance) => {
        const { acknowledgedBy, waitingFor } = ownProgress(instance);
        const version = table.versionOf(instance);
        return {
          key: keyOf(instance),
          version,
          acknowledged_by: acknowledgedBy,
          waiting_for: waitingFor,
        };
      });
  }

  return {
    connect,
    acknowledge,
    noteAcknowledged,
    wait,
    check,
    tick,
    reports,
    close() {
      for (const each of waits) each.giveUp();
    },
    watchers: () => watchers.size,
  };
}

const draining = (table: Table, { name, instance_id: id }: InstanceKey): Instance | undefined => {
  const instance = table.instance(name, id);
  return instance?.state === 'draining' ? instance : undefined;
};

const hashed = (token: string) => hashSecret(token).toString('base64url');
