/**
 * The generic cell rate algorithm (GCRA; ITU-T I.371), the one algorithm of all rate limits: equal to a token bucket, with
 * one number of state, exact at every moment, and the same arithmetic in memory and in Redis.
 */

/** A rate, and how much of it may be used at once. */
export interface Rate {
  /** GCRA's emission interval: the time in which one request is restored. Milliseconds. */
  readonly emissionIntervalMs: number;
  /** GCRA's burst tolerance: how far ahead of the clock the theoretical arrival time may be. Milliseconds. */
  readonly toleranceMs: number;
}

/** What one client has used of a rate. */
export interface Usage {
  /** GCRA's theoretical arrival time: when the quota is fully restored, on the clock of the caller. */
  theoreticalArrivalMs: number;
}

/** Emission intervals are fractions, and their sums are inexact: a thousandth of a request is tolerated. */
const IMPRECISION = 0.001;

/**
 * @param requests admitted in each period on average
 * @param burst admitted at once
 */
export function createRate(requests: number, periodMs: number, burst: number): Rate {
  const emissionIntervalMs = periodMs / requests;
  return { emissionIntervalMs, toleranceMs: (burst + IMPRECISION) * emissionIntervalMs };
}

/** Nothing used yet. */
export const createUsage = (): Usage => ({ theoreticalArrivalMs: 0 });

/** Admits and counts one request; false, and nothing is counted, when it exceeds the rate. */
export function take(usage: Usage, { emissionIntervalMs, toleranceMs }: Rate, nowMs: number): boolean {
  const theoreticalArrivalMs = Math.max(usage.theoreticalArrivalMs, nowMs) + emissionIntervalMs;
  if (theoreticalArrivalMs - nowMs > toleranceMs) return false;
  usage.theoreticalArrivalMs = theoreticalArrivalMs;
  return true;
}

/** How many further requests would be admitted now. */
export function remaining(usage: Usage, { emissionIntervalMs, toleranceMs }: Rate, nowMs: number): number {
  const usedMs = usage.theoreticalArrivalMs > nowMs ? usage.theoreticalArrivalMs - nowMs : 0;
  return usedMs > toleranceMs ? 0 : Math.floor((toleranceMs - usedMs) / emissionIntervalMs);
}

/** Milliseconds until the next request will be admitted; 0 when one would be now. */
export function waitMs(usage: Usage, { emissionIntervalMs, toleranceMs }: Rate, nowMs: number): number {
  return Math.max(0, usage.theoreticalArrivalMs + emissionIntervalMs - toleranceMs - nowMs);
}
