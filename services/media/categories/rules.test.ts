import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { slugOf } from './rules';

test('a slug is one path segment of letters, digits and single dashes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (title) => {
      expect(slugOf(title)).toMatch(/^[\p{L}\p{N}\p{M}]+(-[\p{L}\p{N}\p{M}]+)*$/u);
    }),
  );
});
