import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { searchExpression } from './search';

test('a search requires every word and has no operator of the query, for any input', () => {
  expect(searchExpression('Go +a')).toBe('+t0676f +t061');
  expect(searchExpression('+ "*')).toBeNull();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (query) => {
      expect(searchExpression(query) ?? '').toMatch(/^(\+[a-z0-9]{4,80}( |$))*$/);
    }),
  );
});
