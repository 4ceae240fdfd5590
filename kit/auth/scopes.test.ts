import { expect, test } from 'bun:test';
import { coversScope, isScope, type Scope, scopesIn } from './scopes';

test.each<[string[], Scope, boolean]>([
  [['write'], 'write:media', true],
  [['write:media'], 'write:media', true],
  [['write:media'], 'write', false],
  [['read'], 'write:media', false],
  [['writ'], 'write', false],
  [['follow'], 'read:mutes', true],
  [['follow'], 'write:follows', true],
  [['follow'], 'write:accounts', false],
  [[], 'read', false],
])('%j covers %s: %p', (granted, needed, covered) => {
  expect(coversScope(granted, needed)).toBe(covered);
});

test('a scope parameter is a set of names', () => {
  expect(scopesIn(' read  write read ')).toEqual(['read', 'write']);
  expect(scopesIn('')).toEqual([]);
});

test('names of an object are no scopes', () => {
  expect(['read', 'toString', '__proto__', 'admin'].map(isScope)).toEqual([true, false, false, false]);
});
