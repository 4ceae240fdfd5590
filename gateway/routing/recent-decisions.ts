import type { ForwardDecision } from '../model/decision';
import type { KnownService } from './directory';
import type { RouteTable } from './route-table';

/** A decision, and the view of the registry it was made by. */
export interface RecentDecision {
  readonly method: string;
  readonly target: string;
  readonly routes: RouteTable;
  readonly service: KnownService;
  readonly decision: ForwardDecision;
}

/**
 * The last decisions: popular targets are neither parsed nor matched again. Who finds one has to compare its view of the
 * registry with the present one.
 *
 * A direct-mapped table: each request has one slot, by a hash of its method and target, and is stored when it comes for
 * the second time in a row for its slot. Clients choose the targets, so the table is bounded in number and length, and the
 * worst they can cause is a miss.
 */
export interface RecentDecisions {
  find(method: string, target: string): RecentDecision | undefined;
  /** Whether a request that was not found came before, so that it is worth storing. */
  isRepeated(method: string, target: string): boolean;
  /** @param recent with strings of its own: a substring of a request's head would retain that head */
  store(recent: RecentDecision): void;
}

const SLOTS = 4_096;
const MAX_LENGTH = 256;

export function createRecentDecisions(): RecentDecisions {
  const slots: (RecentDecision | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** Hashes of the requests last received per slot that were not stored. */
  const candidates = new Int32Array(SLOTS);
  return {
    find(method, target) {
      if (target.length > MAX_LENGTH) return undefined;
      const known = slots[slotOf(hashOf(method, target))];
      return known !== undefined && known.target === target && known.method === method ? known : undefined;
    },
    isRepeated(method, target) {
      if (target.length > MAX_LENGTH) return false;
      const hash = hashOf(method, target);
      const slot = slotOf(hash);
      if (candidates[slot] === hash) return true;
      candidates[slot] = hash;
      return false;
    },
    store(recent) {
      slots[slotOf(hashOf(recent.method, recent.target))] = recent;
    },
  };
}

function hashOf(method: string, target: string): number {
  let hash = method.length;
  for (let position = 0; position < target.length; position++)
    hash = (Math.imul(hash, 31) + target.charCodeAt(position)) | 0;
  return hash;
}

const slotOf = (hash: number) => (hash ^ (hash >>> 12) ^ (hash >>> 24)) & (SLOTS - 1);
