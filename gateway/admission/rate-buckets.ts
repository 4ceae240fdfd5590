import type { RateBucket } from './rate-policy';

/** The buckets of this process, by user or address. Bounded: clients choose how many there are. */
export interface RateBuckets {
  readonly size: number;
  /** The bucket of a key; a new one where nothing was counted, or everything has been restored. */
  of(key: string): RateBucket;
  /** Removes buckets that are fully restored and synchronized. */
  sweep(nowMs: number): void;
}

/** About 20 MB at the maximum. */
const MAX_BUCKETS = 100_000;

/** A plain map, not an LRU: its look-up runs for every request, and reordering on each would cost more than it. */
export function createRateBuckets(max: number = MAX_BUCKETS): RateBuckets {
  const buckets = new Map<string, RateBucket>();
  return {
    get size() {
      return buckets.size;
    },
    of(key) {
      const known = buckets.get(key);
      if (known !== undefined) return known;
      // The oldest is evicted: Redis has its usage, and it is restored at the next synchronization.
      if (buckets.size >= max) for (const oldest of buckets.keys()) if (buckets.delete(oldest)) break;
      const bucket = { key, theoreticalArrivalMs: 0, unsyncedMs: 0, sharedKey: '' };
      buckets.set(key, bucket);
      return bucket;
    },
    sweep(nowMs) {
      for (const [key, bucket] of buckets)
        if (bucket.theoreticalArrivalMs <= nowMs && bucket.unsyncedMs === 0) buckets.delete(key);
    },
  };
}
