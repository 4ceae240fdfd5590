/**
 * A limit: so many requests a minute on average, and half a minute's worth of them at once. Counted by the generic cell
 * rate algorithm (GCRA; ITU-T I.371): one number for each who is counted, exact at every moment, and the same
 * arithmetic here and in Redis. In any minute at most one and a half times the limit passes.
 */
export interface RatePolicy {
  /** As clients and metrics see it. */
  readonly name: string;
  readonly perMinute: number;
  /** How many may come at once. */
  readonly burst: number;
  /** What one request costs: the time in which it is given back. */
  readonly costMs: number;
  /** How far ahead of the clock the cost of what was admitted may be. */
  readonly toleranceMs: number;
}

/** What one user or one address has used of a policy. */
export interface Meter {
  readonly key: string;
  /** When all that was used will have been given back (GCRA's theoretical arrival time), on the clock of this process. */
  restoredAtMs: number;
  /** Used here, and not told to Redis yet: the sum of costs. */
  unsharedMs: number;
  /** Its name in Redis; made when first needed. */
  sharedKey: string;
}

const SHARE_AT_ONCE = 0.5;
/** Costs are fractions, and sums of fractions are not exact: a thousandth of a request is not counted. */
const IMPRECISION = 0.001;

export function createRatePolicy(name: string, perMinute: number): RatePolicy {
  const burst = Math.max(1, Math.round(perMinute * SHARE_AT_ONCE));
  const costMs = 60_000 / perMinute;
  return { name, perMinute, burst, costMs, toleranceMs: (burst + IMPRECISION) * costMs };
}

/** Counts one request; false, and nothing is counted, when it is one too many. */
export function take(meter: Meter, { costMs, toleranceMs }: RatePolicy, nowMs: number): boolean {
  const restoredAtMs = Math.max(meter.restoredAtMs, nowMs) + costMs;
  if (restoredAtMs - nowMs > toleranceMs) return false;
  meter.restoredAtMs = restoredAtMs;
  return true;
}

/** How many more would be admitted now. */
export function remaining(meter: Meter, { costMs, toleranceMs }: RatePolicy, nowMs: number): number {
  const usedMs = meter.restoredAtMs > nowMs ? meter.restoredAtMs - nowMs : 0;
  return usedMs > toleranceMs ? 0 : Math.floor((toleranceMs - usedMs) / costMs);
}

/** Until one more will be admitted. */
export function waitMs(meter: Meter, { costMs, toleranceMs }: RatePolicy, nowMs: number): number {
  return Math.max(0, meter.restoredAtMs + costMs - toleranceMs - nowMs);
}
