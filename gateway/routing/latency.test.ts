import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createLatency, FAILURE_MS, START_MS } from './latency';

describe('the cost of an instance', () => {
  test('is a default until the first response, and then its latency', () => {
    const latency = createLatency(0);
    expect(latency.costMs(0)).toBe(START_MS);
    latency.observe(true, 2, 10);
    expect(latency.costMs(10)).toBe(2);
  });

  test('rises at once with a slow response, and falls slowly with fast ones', () => {
    const latency = createLatency(0);
    latency.observe(true, 5, 0);
    latency.observe(true, 800, 1);
    expect(latency.costMs(1)).toBe(800);
    latency.observe(true, 5, 2);
    expect(latency.costMs(2)).toBeGreaterThan(790);
    for (let nowMs = 1_000; nowMs <= 100_000; nowMs += 1_000) latency.observe(true, 5, nowMs);
    expect(latency.costMs(100_000)).toBeCloseTo(5, 0);
  });

  test('is not lowered by fast failures', () => {
    const latency = createLatency(0);
    latency.observe(false, 0, 0);
    expect(latency.costMs(0)).toBe(FAILURE_MS);
  });

  test('is its silence while a response is pending', () => {
    const latency = createLatency(0);
    latency.observe(true, 5, 0);
    latency.sent(100);
    latency.sent(150);
    expect(latency.costMs(600)).toBe(500);
    latency.settled(true, 600);
    expect(latency.costMs(601)).toBeLessThan(6);
    expect(latency.costMs(900)).toBe(300);
    latency.settled(false, 900);
    expect(latency.costMs(901)).toBeLessThan(6);
  });

  test('is the default again after a reset', () => {
    const latency = createLatency(0);
    latency.observe(false, 1, 0);
    latency.reset();
    expect(latency.costMs(0)).toBe(START_MS);
    latency.observe(true, 3, 0);
    expect(latency.costMs(0)).toBe(3);
  });

  test('is positive and at most the worst observation, in any sequence', () => {
    const step = fc.record({ ok: fc.boolean(), latencyMs: fc.nat(9_000), waitMs: fc.nat(60_000) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const latency = createLatency(0);
        let nowMs = 0;
        let worstMs = START_MS;
        for (const { ok, latencyMs, waitMs } of steps) {
          nowMs += waitMs;
          latency.observe(ok, latencyMs, nowMs);
          worstMs = Math.max(worstMs, ok ? latencyMs : Math.max(latencyMs, FAILURE_MS));
          expect(latency.costMs(nowMs)).toBeGreaterThan(0);
          expect(latency.costMs(nowMs)).toBeLessThanOrEqual(worstMs + 1e-9);
        }
      }),
    );
  });
});
