import type { DrainProgress } from './drains';
import type { ReplicaMessage } from './shared-store';

/** Each tells of itself twice a second: one that misses five times is gone. */
export const REPLICA_LAPSE_MS = 2_500;

interface Replica {
  heardAtMs: number;
  drains: ReplicaMessage['drains'];
}

export type Replicas = ReturnType<typeof createReplicas>;

/**
 * The other replicas of this registry, as far as they were heard of lately.
 *
 * @param now monotonic milliseconds
 */
export function createReplicas(now: () => number) {
  const others = new Map<string, Replica>();

  return {
    /** True when it was not there before. */
    heard({ from, sign, drains }: ReplicaMessage): boolean {
      const isNew = !others.has(from);
      if (sign === 'bye') others.delete(from);
      else others.set(from, { heardAtMs: now(), drains });
      return isNew && sign !== 'bye';
    },
    /** Forgets those that were not heard; true when there was one. */
    forgetSilent(): boolean {
      const before = others.size;
      for (const [id, { heardAtMs }] of others) if (now() - heardAtMs > REPLICA_LAPSE_MS) others.delete(id);
      return others.size < before;
    },
    /** How far the gateways of the others are; a replica that does not know yet is one to wait for. */
    progress(key: string, version: string): DrainProgress {
      let acknowledgedBy = 0;
      let waitingFor = 0;
      for (const { drains } of others.values()) {
        const own = drains.find((drain) => drain.key === key && drain.version >= version);
        acknowledgedBy += own?.acknowledged_by ?? 0;
        waitingFor += own?.waiting_for ?? 1;
      }
      return { acknowledgedBy, waitingFor };
    },
    has: (id: string) => others.has(id),
    count: () => others.size,
  };
}
