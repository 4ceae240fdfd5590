import type { Instance } from '#contracts/registry';
import { hashSecret, newLeaseSecret } from './lease-secret';
import type { Table } from './table';

/** How far the gateways are with one draining instance. */
export interface DrainProgress {
  readonly acknowledgedBy: number;
  readonly waitingFor: number;
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
 * Whoever waits is answered when every acknowledging watcher connected at that moment has said so. One whose stream has
 * ended is not waited for; one that comes later is, and starts with a snapshot in which the instance is draining.
 */
export function createDrains(table: Table) {
  /** By the hash of its token: the revision of each instance it has let go of. */
  const watchers = new Map<string, Map<string, number>>();
  const waits = new Set<Wait>();

  function connect(): AcknowledgingWatcher {
    const token = newLeaseSecret();
    const hash = hashed(token);
    watchers.set(hash, new Map());
    return {
      token,
      end() {
        if (watchers.delete(hash)) check();
      },
    };
  }

  /** False when no watcher has this token, or its stream has ended. */
  function acknowledge(token: string, instance: InstanceKey, revision: number): boolean {
    const watcher = watchers.get(hashed(token));
    if (!watcher) return false;
    // Nothing is kept of instances that are not there to be waited for.
    if (draining(table, instance)) watcher.set(keyOf(instance), revision);
    check();
    return true;
  }

  function progress(instance: InstanceKey): DrainProgress {
    const state = draining(table, instance);
    if (!state) return { acknowledgedBy: watchers.size, waitingFor: 0 };
    let acknowledgedBy = 0;
    for (const seen of watchers.values())
      if ((seen.get(keyOf(instance)) ?? -1) >= state.changed_at_revision) acknowledgedBy++;
    return { acknowledgedBy, waitingFor: watchers.size - acknowledgedBy };
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

  function check() {
    for (const each of waits) each.check();
  }

  /** Keeps leases that are waited for and forgets what has left. To be called at every sweep. */
  function tick(): void {
    for (const each of waits) each.keepAlive();
    for (const seen of watchers.values())
      for (const key of seen.keys()) if (!draining(table, instanceOf(key))) seen.delete(key);
    check();
  }

  return {
    connect,
    acknowledge,
    progress,
    wait,
    tick,
    close() {
      for (const each of waits) each.giveUp();
    },
    watchers: () => watchers.size,
  };
}

type InstanceKey = Pick<Instance, 'name' | 'instance_id'>;

const keyOf = ({ name, instance_id: id }: InstanceKey) => `${name}/${id}`;

function instanceOf(key: string): InstanceKey {
  const [name = '', id = ''] = key.split('/');
  return { name, instance_id: id };
}

const draining = (table: Table, { name, instance_id: id }: InstanceKey) => {
  const instance = table.instance(name, id);
  return instance?.state === 'draining' ? instance : undefined;
};

const hashed = (token: string) => hashSecret(token).toString('base64url');
