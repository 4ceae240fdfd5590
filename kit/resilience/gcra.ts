/**
 * The generic cell rate algorithm (GCRA; ITU-T I.371), the one algorithm of all rate limits: equal to a token bucket, with
 * one number of state, exact at every moment, and the same arithmetic in memory and in Redis.
 */

/** A rate, and how much of it may be used at once. */
export interface Rate {
  /** What one request costs: the time in which it is given back. Milliseconds. */
  readonly costMs: number;
  /** How far ahead of the clock the cost of admitted requests may be: the burst. Milliseconds. */
  readonly toleranceMs: number;
}

/** What one client has used of a rate. */
export interface Usage {
  /** When all that was used will have been given back (the theoretical arrival time), on the clock of the caller. */
  restoredAtMs: number;
}

/** Costs are fractions, and sums of fractions are not exact: a thousandth of a request is not counted. */
const IMPRECISION = 0.001;

/**
 * @param requests admitted in each period on average
 * @param burst admitted at once
 */
export function createRate(requests: number, periodMs: number, burst: number): Rate {
  const costMs = periodMs / requests;
  return { costMs, toleranceMs: (burst + IMPRECISION) * costMs };
}

/** Nothing used yet. */
export const createUsage = (): Usage => ({ restoredAtMs: 0 });

/** Admits and counts one request; false, and nothing is counted, when it exceeds the rate. */
export function admit(usage: Usage, { costMs, toleranceMs }: Rate, nowMs: number): boolean {
  const restoredAtMs = Math.max(usage.restoredAtMs, nowMs) + costMs;
  if (restoredAtMs - nowMs > toleranceMs) return false;
  usage.restoredAtMs = restoredAtMs;
  return true;
}

/** How many further requests would be admitted now. */
export function remaining(usage: Usage, { costMs, toleranceMs }: Rate, nowMs: number): number {
  const usedMs = usage.restoredAtMs > nowMs ? usage.restoredAtMs - nowMs : 0;
  return usedMs > toleranceMs ? 0 : Math.floor((toleranceMs - usedMs) / costMs);
}

/** Milliseconds until the next request will be admitted; 0 when one would be now. */
export function waitMs(usage: Usage, { costMs, toleranceMs }: Rate, nowMs: number): number {
  return Math.max(0, usage.restoredAtMs + costMs - toleranceMs - nowMs);
}
