import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { slugOf } from './rules';

test('a long slug is cut between graphemes', () => {
  expect(slugOf('நி'.repeat(40))).toBe('நி'.repeat(30));
  expect(slugOf(`${'a'.repeat(59)}e\u0323\u0304`)).toBe('a'.repeat(59));
});

test('a slug is one path segment of letters, digits and single dashes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (title) => {
      expect(slugOf(title)).toMatch(/^[\p{L}\p{N}\p{M}]+(-[\p{L}\p{N}\p{M}]+)*$/u);
    }),
  );
});
