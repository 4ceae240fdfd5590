import { createRate, type Rate, type Usage } from '#kit/resilience/gcra';

/** A rate limit: requests per minute on average, and a burst of half a minute's worth (`kit/resilience/gcra`). */
export interface RatePolicy extends Rate {
  /** As in headers and metrics. */
  readonly name: string;
  readonly perMinute: number;
  /** Requests admitted at once. */
  readonly burst: number;
}

/** What one user or address has used of a policy. */
export interface RateBucket extends Usage {
  readonly key: string;
  /** Used here and not yet synchronized to Redis: the sum of emission intervals. */
  unsyncedMs: number;
  /** Its key in Redis; computed when first needed. */
  sharedKey: string;
}

const BURST_SHARE = 0.5;

export function createRatePolicy(name: string, perMinute: number): RatePolicy {
  const burst = Math.max(1, Math.round(perMinute * BURST_SHARE));
  return { name, perMinute, burst, ...createRate(perMinute, 60_000, burst) };
}
