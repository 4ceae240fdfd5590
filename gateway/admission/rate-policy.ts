/**
 * A rate limit: requests per minute on average, and a burst of half a minute's worth. Counted by the generic cell rate
 * algorithm (GCRA; ITU-T I.371): one number per bucket, exact at every moment, and the same arithmetic here and in Redis.
 * In any minute at most one and a half times the limit is admitted.
 */
export interface RatePolicy {
  /** As in headers and metrics. */
  readonly name: string;
  readonly perMinute: number;
  /** Requests admitted at once. */
  readonly burst: number;
  /** GCRA's emission interval: the time in which one request is restored. */
  readonly emissionIntervalMs: number;
  /** GCRA's burst tolerance: how far ahead of the clock the theoretical arrival time may be. */
  readonly toleranceMs: number;
}

/** What one user or address has used of a policy. */
export interface RateBucket {
  readonly key: string;
  /** GCRA's theoretical arrival time: when the quota is fully restored, on the clock of this process. */
  theoreticalArrivalMs: number;
  /** Used here and not yet synchronized to Redis: the sum of emission intervals. */
  unsyncedMs: number;
  /** Its key in Redis; computed when first needed. */
  sharedKey: string;
}

const BURST_SHARE = 0.5;
/** Emission intervals are fractions, and their sums are inexact: a thousandth of a request is tolerated. */
const IMPRECISION = 0.001;

export function createRatePolicy(name: string, perMinute: number): RatePolicy {
  const burst = Math.max(1, Math.round(perMinute * BURST_SHARE));
  const emissionIntervalMs = 60_000 / perMinute;
  return {
    name,
    perMinute,
    burst,
    emissionIntervalMs,
    toleranceMs: (burst + IMPRECISION) * emissionIntervalMs,
  };
}

/** Counts one request; false, and nothing is counted, when it exceeds the limit. */
export function take(
  bucket: RateBucket,
  { emissionIntervalMs, toleranceMs }: RatePolicy,
  nowMs: number,
): boolean {
  const theoreticalArrivalMs = Math.max(bucket.theoreticalArrivalMs, nowMs) + emissionIntervalMs;
  if (theoreticalArrivalMs - nowMs > toleranceMs) return false;
  bucket.theoreticalArrivalMs = theoreticalArrivalMs;
  return true;
}

/** Requests that would be admitted now. */
export function remaining(
  bucket: RateBucket,
  { emissionIntervalMs, toleranceMs }: RatePolicy,
  nowMs: number,
): number {
  const usedMs = bucket.theoreticalArrivalMs > nowMs ? bucket.theoreticalArrivalMs - nowMs : 0;
  return usedMs > toleranceMs ? 0 : Math.floor((toleranceMs - usedMs) / emissionIntervalMs);
}

/** Until the next request will be admitted. */
export function waitMs(
  bucket: RateBucket,
  { emissionIntervalMs, toleranceMs }: RatePolicy,
  nowMs: number,
): number {
  return Math.max(0, bucket.theoreticalArrivalMs + emissionIntervalMs - toleranceMs - nowMs);
}
