import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { isNested, overlaps, patternOf } from './overlap';

const NAMES = ['a', 'b'];
const patterns = fc
  .tuple(fc.array(fc.constantFrom(...NAMES, ':x'), { maxLength: 3 }), fc.boolean())
  .map(([segments, isWildcard]) => `/${[...segments, ...(isWildcard ? ['*'] : [])].join('/')}`);

/** All paths of up to four segments, with a name that no pattern mentions. */
const PATHS = Array.from({ length: 4 }).reduce<string[][]>(
  (paths) => [[], ...paths.flatMap((path) => [...NAMES, 'z'].map((name) => [name, ...path]))],
  [[]],
);

function isMatch(pattern: string, path: readonly string[]): boolean {
  const segments = pattern.split('/').filter((segment) => segment !== '');
  const isWildcard = segments.at(-1) === '*';
  const fixed = isWildcard ? segments.slice(0, -1) : segments;
  if (isWildcard ? path.length < fixed.length : path.length !== fixed.length) return false;
  return fixed.every((segment, index) => segment === ':x' || segment === path[index]);
}

test('two patterns overlap exactly where some path matches both', () => {
  fc.assert(
    fc.property(patterns, patterns, (left, right) => {
      const isShared = PATHS.some((path) => isMatch(left, path) && isMatch(right, path));
      expect(overlaps(patternOf('GET', left), patternOf('GET', right))).toBe(isShared);
    }),
    { numRuns: 2_000 },
  );
});

test('one of two overlapping patterns is nested in the other exactly where all of its paths match the other', () => {
  fc.assert(
    fc.property(patterns, patterns, (left, right) => {
      const [one, other] = [patternOf('GET', left), patternOf('GET', right)];
      if (!overlaps(one, other)) return;
      const [ofLeft, ofRight] = [left, right].map((pattern) =>
        PATHS.filter((path) => isMatch(pattern, path)),
      );
      const isWithin = (inner: string[][] = [], outer: string[][] = []) =>
        inner.every((path) => outer.includes(path));
      expect(isNested(one, other)).toBe(isWithin(ofLeft, ofRight) || isWithin(ofRight, ofLeft));
    }),
    { numRuns: 2_000 },
  );
});

test('HEAD is a GET, ALL is every method, and OPTIONS belongs to whoever serves the path', () => {
  const methodsOverlap = (left: string, right: string) =>
    overlaps(patternOf(left, '/a'), patternOf(right, '/a'));
  expect(methodsOverlap('GET', 'HEAD')).toBe(true);
  expect(methodsOverlap('ALL', 'DELETE')).toBe(true);
  expect(methodsOverlap('OPTIONS', 'POST')).toBe(true);
  expect(methodsOverlap('GET', 'POST')).toBe(false);
});
