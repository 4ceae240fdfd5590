import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createRate, createUsage, remaining, take, waitMs } from './gcra';

test('a burst is admitted at once, and then as much as the rate gives back', () => {
  const rate = createRate(60, 60_000, 3);
  const usage = createUsage();
  const at = (nowMs: number) => take(usage, rate, nowMs);
  expect([at(0), at(0), at(0), at(0)]).toEqual([true, true, true, false]);
  expect([at(990), at(1_000), at(1_001)]).toEqual([false, true, false]);
});

test('in any period no more than the rate and one burst are admitted, and what is announced holds', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      gaps,
      (requests, burst, gapsMs) => {
        const rate = createRate(requests, 1_000, burst);
        const usage = createUsage();
        const admittedAtMs: number[] = [];
        let nowMs = 1_000_000;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const left = remaining(usage, rate, nowMs);
          const restMs = waitMs(usage, rate, nowMs);
          const isAdmitted = take(usage, rate, nowMs);
          expect(isAdmitted).toBe(left > 0);
          expect(isAdmitted).toBe(restMs === 0);
          if (isAdmitted) admittedAtMs.push(nowMs);
        }
        for (const startMs of admittedAtMs) {
          const within = admittedAtMs.filter((ms) => ms >= startMs && ms < startMs + 1_000).length;
          expect(within).toBeLessThanOrEqual(requests + burst);
        }
      },
    ),
  );
});
