import type { DrainProgress } from '../drains/drains';
import type { ReplicaMessage } from './messages';

/** Each replica publishes twice a second: after five missed messages it counts as disconnected. */
export const REPLICA_TIMEOUT_MS = 2_500;

interface Replica {
  receivedAtMs: number;
  drains: ReplicaMessage['drains'];
}

/**
 * The other connected replicas of this registry.
 *
 * @param now monotonic milliseconds
 */
export function createReplicas(now: () => number) {
  const others = new Map<string, Replica>();

  return {
    /** True when the replica was not connected before. */
    received({ from, sign, drains }: ReplicaMessage): boolean {
      const isNew = !others.has(from);
      if (sign === 'bye') others.delete(from);
      else others.set(from, { receivedAtMs: now(), drains });
      return isNew && sign !== 'bye';
    },
    /** Removes the replicas that have timed out; true when there was one. */
    removeSilent(): boolean {
      const before = others.size;
      for (const [id, { receivedAtMs }] of others)
        if (now() - receivedAtMs > REPLICA_TIMEOUT_MS) others.delete(id);
      return others.size < before;
    },
    /** The drain progress on the other replicas; one that has not reported this version yet counts as waiting. */
    progress(key: string, version: string): DrainProgress {
      let acknowledgedBy = 0;
      let waitingFor = 0;
      for (const { drains } of others.values()) {
        const reported = drains.find((drain) => drain.key === key && drain.version >= version);
        acknowledgedBy += reported?.acknowledged_by ?? 0;
        waitingFor += reported?.waiting_for ?? 1;
      }
      return { acknowledgedBy, waitingFor };
    },
    has: (id: string) => others.has(id),
    count: () => others.size,
  };
}
