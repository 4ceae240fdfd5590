import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { backOffMs, retryForever } from './back-off';

test('a wait lies between nothing and the doubled base, never above the cap', () => {
  const limits = { baseMs: 100, capMs: 5_000 };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, random) => {
        const wait = backOffMs(attempt, limits, () => random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** (attempt - 1)));
      },
    ),
  );
  expect(backOffMs(3, limits, () => 1)).toBe(400);
});

test('tries until it works and tells of each failure', async () => {
  const failures: unknown[] = [];
  let left = 3;
  const result = await retryForever(
    async () => {
      if (left-- > 0) throw new Error('not yet');
      return 'done';
    },
    { signal: new AbortController().signal, onFailure: (failure) => failures.push(failure), baseMs: 1 },
  );
  expect(result).toBe('done');
  expect(failures).toHaveLength(3);
});

test('gives up when it is told to end', async () => {
  const ending = new AbortController();
  const trying = retryForever(() => Promise.reject(new Error('never')), {
    signal: ending.signal,
    onFailure: () => ending.abort(),
    baseMs: 10_000,
  });
  expect(trying).rejects.toThrow('never');
});
