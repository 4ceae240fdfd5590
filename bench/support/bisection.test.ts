import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { highestRate } from './bisection';

const always = () => true;

test('comes within the given share below the limit, wherever it starts', async () => {
  const rates = fc.double({ min: 3, max: 20_000, noNaN: true });
  await fc.assert(
    fc.asyncProperty(rates, rates, async (limit, guess) => {
      const options = { guess, within: 0.05, canContinue: always };
      const found = await highestRate(options, async (rate) => rate <= limit);
      expect(found).toBeLessThanOrEqual(limit);
      expect(found).toBeGreaterThanOrEqual(limit * 0.949);
    }),
  );
});

test('is 0 when no rate holds', async () => {
  expect(await highestRate({ guess: 100, within: 0.05, canContinue: always }, async () => false)).toBe(0);
});

test('returns the best so far when it has to end early', async () => {
  let left = 3;
  const tried: number[] = [];
  const found = await highestRate(
    { guess: 100, within: 0.05, canContinue: () => left-- > 0 },
    async (rate) => {
      tried.push(rate);
      return rate <= 200;
    },
  );
  expect({ found, tried }).toEqual({ found: 200, tried: [100, 200, 400] });
});
