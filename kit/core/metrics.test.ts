import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { histogramSeries } from './metrics';

const buckets = [0.001, 0.01, 0.1, 1];
const create = (registers: Registry[]) =>
  new Histogram({
    name: 'duration',
    help: 'd',
    labelNames: ['route', 'status'] as const,
    buckets,
    registers,
  });

test('a series observes what its histogram would, whatever the values and however they mix', async () => {
  const label = fc.constantFrom('/a', '/b');
  const value = fc.oneof(fc.constantFrom(...buckets), fc.double({ min: 0, max: 3, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(label, value)), async (observations) => {
      const [plain, prepared] = [new Registry(), new Registry()];
      const [left, right] = [create([plain]), create([prepared])];
      const series = new Map<string, (value: number) => void>();
      for (const [route, seconds] of observations) {
        const labels = { route, status: '200' };
        left.observe(labels, seconds);
        const observe = series.get(route) ?? histogramSeries(right, labels, buckets);
        series.set(route, observe);
        observe(seconds);
      }
      expect(await prepared.metrics()).toBe(await plain.metrics());
    }),
    { numRuns: 50 },
  );
});

test('users of one histogram share its series', async () => {
  const registry = new Registry();
  const histogram = create([registry]);
  const labels = { route: '/a', status: '200' };
  histogram.observe(labels, 0.5);
  for (const observe of [1, 2].map(() => histogramSeries(histogram, labels, buckets))) observe(0.005);
  expect(await registry.metrics()).toContain('duration_count{route="/a",status="200"} 3');
});
