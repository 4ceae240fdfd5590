import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { slowStartShare } from './slow-start';

test('the share grows linearly from a tenth to 1 in ten seconds', () => {
  expect([0, 500, 1_000, 2_500, 5_000, 9_999, 10_000].map(slowStartShare)).toEqual([
    0.1, 0.1, 0.1, 0.25, 0.5, 0.9999, 1,
  ]);
});

test('the share never decreases, and stays between a tenth and 1', () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(20_000), (left, right) => {
      const [sooner, later] = [slowStartShare(Math.min(left, right)), slowStartShare(Math.max(left, right))];
      expect(sooner).toBeGreaterThanOrEqual(0.1);
      expect(later).toBeGreaterThanOrEqual(sooner);
      expect(later).toBeLessThanOrEqual(1);
    }),
  );
});
