import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { isPathSegment } from './path-segment';

test.each(['.', '..', '.;a', '..;', 'a/b', 'a\\b', 'a%2Fb', '%41', ''])('%j is no path segment', (name) =>
  expect(isPathSegment(name)).toBe(false),
);

test.each(['lobby', '50%', '100 % sure', '...', '.hidden', 'a.b', 'a;b', '日本', '%zz'])(
  '%j is one',
  (name) => expect(isPathSegment(name)).toBe(true),
);

test('a URL with one, percent-encoded, keeps its path', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      fc.pre(isPathSegment(name) && name.isWellFormed());
      const { pathname } = new URL(`http://localhost/a/${encodeURIComponent(name)}/b`);
      const segments = pathname.split('/');
      expect(segments).toHaveLength(4);
      expect(decodeURIComponent(segments[2] ?? '')).toBe(name);
    }),
  );
});
