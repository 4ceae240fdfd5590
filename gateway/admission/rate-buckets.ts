import type { Meter } from './rate-policy';

/** What this process has counted, by user or address. Bounded: others choose how many there are. */
export interface Meters {
  readonly size: number;
  /** The meter of a key; a new one where nothing was counted, or so long ago that all of it has been given back. */
  of(key: string): Meter;
  /** Forgets the meters that say nothing any more. */
  sweep(nowMs: number): void;
}

/** About 20 MB when all are in use. */
const MOST_METERS = 100_000;

export function createMeters(most: number = MOST_METERS): Meters {
  const meters = new Map<string, Meter>();
  return {
    get size() {
      return meters.size;
    },
    of(key) {
      const known = meters.get(key);
      if (known !== undefined) return known;
      // The oldest goes: what it has used is still known to Redis, and comes back when it is asked for.
      if (meters.size >= most) for (const oldest of meters.keys()) if (meters.delete(oldest)) break;
      const meter = { key, restoredAtMs: 0, unsharedMs: 0, sharedKey: '' };
      meters.set(key, meter);
      return meter;
    },
    sweep(nowMs) {
      for (const [key, meter] of meters)
        if (meter.restoredAtMs <= nowMs && meter.unsharedMs === 0) meters.delete(key);
    },
  };
}
