import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { remaining, take, waitMs } from '#kit/resilience/gcra';
import { createRateBuckets } from './rate-buckets';
import { createRateHeaders } from './rate-headers';
import { createRatePolicy, type RateBucket } from './rate-policy';

const newMeter = (): RateBucket => createRateBuckets().of('somebody');

/** The number of requests at these times that are admitted. */
function admittedOf(perMinute: number, timesMs: readonly number[]): number[] {
  const policy = createRatePolicy('test', perMinute);
  const bucket = newMeter();
  return timesMs.filter((timeMs) => take(bucket, policy, timeMs));
}

const limits = fc.integer({ min: 1, max: 100_000 });

describe('a rate limit', () => {
  test('of 1,200 per minute admits a burst of 600, then one every 50 ms', () => {
    expect(admittedOf(1_200, Array(1_000).fill(5))).toHaveLength(600);
    const everyMs = Array.from({ length: 1_000 }, (_, ms) => ms);
    expect(admittedOf(1_200, [...Array(600).fill(0), ...everyMs])).toHaveLength(600 + 19);
  });

  test('never admits more than the limit and the burst in a minute', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), gaps, (perMinute, gapsMs) => {
        let nowMs = 0;
        const admitted = admittedOf(
          perMinute,
          gapsMs.map((gapMs) => (nowMs += gapMs)),
        );
        const { burst } = createRatePolicy('test', perMinute);
        for (const [index, fromMs] of admitted.entries()) {
          const within = admitted.slice(index).filter((atMs) => atMs < fromMs + 60_000);
          expect(within.length).toBeLessThanOrEqual(perMinute + burst);
        }
      }),
    );
  });

  test('never rejects a client at the allowed pace, at any clock offset', () => {
    fc.assert(
      fc.property(limits, fc.double({ min: 0, max: 1e9, noNaN: true }), (perMinute, fromMs) => {
        const times = Array.from({ length: 200 }, (_, count) => fromMs + count * (60_000 / perMinute));
        expect(admittedOf(perMinute, times)).toHaveLength(200);
      }),
    );
  });

  test('reports the remaining requests and the wait consistently', () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 0, max: 300 }), (perMinute, used) => {
        const policy = createRatePolicy('test', perMinute);
        const bucket = newMeter();
        for (let count = 0; count < used; count++) take(bucket, policy, 1_000);
        const left = remaining(bucket, policy, 1_000);
        for (let count = 0; count < Math.min(left, 500); count++)
          expect(take(bucket, policy, 1_000)).toBe(true);
        if (left > 500) return;
        expect(remaining(bucket, policy, 1_000)).toBe(0);
        const wait = waitMs(bucket, policy, 1_000);
        expect(wait).toBeGreaterThan(0);
        expect(take(bucket, policy, 1_000 + wait * 0.99)).toBe(false);
        expect(take(bucket, policy, 1_000 + wait + 0.001)).toBe(true);
      }),
    );
  });

  test('is reported in the header fields of the draft', () => {
    const headers = createRateHeaders(createRatePolicy('default', 1_200));
    const policyLine = 'RateLimit-Policy: "default";q=600;w=30\r\n';
    expect(headers.admitted(600)).toBe(`${policyLine}RateLimit: "default";r=600;t=0\r\n`);
    expect(headers.admitted(590)).toBe(`${policyLine}RateLimit: "default";r=590;t=1\r\n`);
    expect(headers.admitted(0)).toBe(`${policyLine}RateLimit: "default";r=0;t=30\r\n`);
    expect(headers.refused(1)).toBe(`${policyLine}RateLimit: "default";r=0;t=1\r\n`);
  });
});

describe('buckets', () => {
  test('are bounded: the oldest is evicted', () => {
    const buckets = createRateBuckets(3);
    const first = buckets.of('a');
    for (const key of ['b', 'c', 'd']) buckets.of(key);
    expect(buckets.size).toBe(3);
    expect(buckets.of('a')).not.toBe(first);
  });

  test('are swept once they are restored', () => {
    const policy = createRatePolicy('test', 60);
    const buckets = createRateBuckets();
    take(buckets.of('a'), policy, 0);
    buckets.of('b');
    buckets.sweep(500);
    expect(buckets.size).toBe(1);
    buckets.sweep(1_000);
    expect(buckets.size).toBe(0);
  });
});
