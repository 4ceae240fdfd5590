import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { searchExpression } from './search';

test('a search requires every word and nothing else, for any input', () => {
  expect(searchExpression('the Quick +brown -"fox*"')).toBe('+quick +brown +fox');
  expect(searchExpression('the a "')).toBeNull();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (query) => {
      expect(searchExpression(query) ?? '').toMatch(/^(\+[\p{L}\p{N}\p{M}_]{3,} ?)*$/u);
    }),
  );
});
