import type { Instance } from '#contracts/registry';
import type { ReplicaMessage } from '../replication/messages';
import { hashSecret, newLeaseSecret } from '../table/lease-secret';
import type { Table } from '../table/model';
import { type InstanceKey, keyOf, parseKey } from '../table/records';

/** How many gateways have acknowledged one draining instance. */
export interface DrainProgress {
  readonly acknowledgedBy: number;
  readonly waitingFor: number;
}

/** The gateways that watch other replicas of this registry. */
export interface RemoteDrains {
  progress(key: string, version: string): DrainProgress;
  /** Forwards the acknowledgement of a watcher connected to another replica; false when that replica is unknown. */
  forward(replica: string, acknowledgement: ReplicaMessage['acknowledgements'][number]): boolean;
  /** The progress of this replica may have changed. */
  progressed(): void;
}

/** The credential of an acknowledging watcher; valid as long as its stream is open. */
export interface AcknowledgingWatcher {
  readonly token: string;
  end(): void;
}

interface Wait {
  check(): void;
  /** The instance sends no heartbeats while it waits: the wait itself renews its lease. */
  renewLease(): void;
  finish(): void;
}

export type Drains = ReturnType<typeof createDrains>;

/**
 * Graceful removal of instances. An acknowledging watcher (a gateway) acknowledges each draining instance once: it sends
 * the instance no new requests, and those in flight have ended. An acknowledgement applies to one state of the instance,
 * identified by its revision: an instance that comes back up and drains again must be acknowledged again.
 *
 * A wait ends when every connected acknowledging watcher, on whichever replica, has acknowledged. Watchers whose stream
 * has ended are not waited for; watchers that connect later are, and start with a snapshot in which the instance is
 * draining.
 */
export function createDrains(table: Table, remote?: RemoteDrains) {
  /** By the hash of the watcher's token: the acknowledged revision of each instance. */
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

  /** False when no watcher with an open stream has this token. */
  function acknowledge(token: string, instance: InstanceKey, revision: number): boolean {
    const watcher = hashed(token);
    const key = keyOf(instance);
    // Behind a load balancer the call may reach another replica than the stream.
    const [replica = ''] = token.split('.');
    if (remote && replica !== table.epoch) return remote.forward(replica, { watcher, key, revision });
    return recordAcknowledgement(watcher, key, revision);
  }

  function recordAcknowledgement(watcher: string, key: string, revision: number): boolean {
    const acknowledged = watchers.get(watcher);
    if (!acknowledged) return false;
    // Only draining instances are stored, so that clients cannot fill the memory.
    if (draining(table, parseKey(key))) acknowledged.set(key, revision);
    progressed();
    return true;
  }

  function progressed() {
    check();
    remote?.progressed();
  }

  /** The progress of the gateways connected to this replica. */
  function localProgress(instance: InstanceKey): DrainProgress {
    const state = draining(table, instance);
    if (!state) return { acknowledgedBy: watchers.size, waitingFor: 0 };
    let acknowledgedBy = 0;
    for (const acknowledged of watchers.values())
      if ((acknowledged.get(keyOf(instance)) ?? -1) >= state.changed_at_revision) acknowledgedBy++;
    return { acknowledgedBy, waitingFor: watchers.size - acknowledgedBy };
  }

  function progress(instance: InstanceKey): DrainProgress {
    const local = localProgress(instance);
    const others = remote?.progress(keyOf(instance), table.versionOf(instance));
    return {
      acknowledgedBy: local.acknowledgedBy + (others?.acknowledgedBy ?? 0),
      waitingFor: local.waitingFor + (others?.waitingFor ?? 0),
    };
  }

  /** Resolves when every gateway has acknowledged the instance, when `timeoutMs` have passed, or at `close`. */
  function wait(instance: InstanceKey, timeoutMs: number, renewLease: () => void): Promise<DrainProgress> {
    return new Promise((resolve) => {
      const timeout = setTimeout(() => pending.finish(), timeoutMs);
      const pending: Wait = {
        renewLease,
        check() {
          if (progress(instance).waitingFor === 0) pending.finish();
        },
        finish() {
          clearTimeout(timeout);
          waits.delete(pending);
          resolve(progress(instance));
        },
      };
      waits.add(pending);
      pending.check();
    });
  }

  function check(): void {
    for (const each of waits) each.check();
  }

  /** Renews the leases of waiting instances and drops acknowledgements of removed ones. To be called at every sweep. */
  function tick(): void {
    for (const each of waits) each.renewLease();
    for (const acknowledged of watchers.values())
      for (const key of acknowledged.keys()) if (!draining(table, parseKey(key))) acknowledged.delete(key);
    check();
  }

  /** The progress of this replica's gateways, for the other replicas. */
  function reports(): ReplicaMessage['drains'] {
    const instances = Object.values(table.snapshot().services).flat();
    return instances
      .filter(({ state }) => state === 'draining')
      .map((instance) => {
        const { acknowledgedBy, waitingFor } = localProgress(instance);
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
    recordAcknowledgement,
    wait,
    check,
    tick,
    reports,
    close() {
      for (const each of waits) each.finish();
    },
    watchers: () => watchers.size,
  };
}

const draining = (table: Table, { name, instance_id: id }: InstanceKey): Instance | undefined => {
  const instance = table.instance(name, id);
  return instance?.state === 'draining' ? instance : undefined;
};

const hashed = (token: string) => hashSecret(token).toString('base64url');
