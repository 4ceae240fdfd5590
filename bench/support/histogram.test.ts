import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createHistogram } from './histogram';

test('a percentile is at most 1 % off the nearest rank', () => {
  const latency = fc.double({ min: 0.001, max: 60_000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = createHistogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((one, other) => one - other);
        const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1] ?? Number.NaN;
        expect(Math.abs(histogram.percentile(share) / exact - 1)).toBeLessThan(0.0101);
      },
    ),
  );
});

test('counts, and keeps the largest latency exactly', () => {
  const histogram = createHistogram();
  for (const value of [3, 70.25, 0.4]) histogram.record(value);
  expect([histogram.count, histogram.max]).toEqual([3, 70.25]);
});

test('has no percentile without latencies', () => {
  expect(createHistogram().percentile(0.99)).toBeNaN();
});
