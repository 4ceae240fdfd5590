import { expect, test } from 'bun:test';
import { blockSeconds } from './rules';

test('an account is blocked longer after each consecutive failure, for at most 15 minutes', () => {
  expect([1, 4, 5, 6, 7, 10].map(blockSeconds)).toEqual([0, 0, 1, 2, 4, 32]);
  expect(blockSeconds(1_000_000)).toBe(900);
});
