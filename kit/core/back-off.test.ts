import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { backOffMs, retryForever } from './back-off';

test('a delay is between zero and the exponential ceiling, and never above the cap', () => {
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

test('retries until success and reports each failure', async () => {
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

test('rejects with the last failure once its signal is aborted', async () => {
  const stop = new AbortController();
  const retried = retryForever(() => Promise.reject(new Error('never')), {
    signal: stop.signal,
    onFailure: () => stop.abort(),
    baseMs: 10_000,
  });
  expect(retried).rejects.toThrow('never');
});
