import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { acceptsWebp, contentDisposition, matchesTag, rangeOf, safeFileName, slugOf } from './rules';

describe('a range', () => {
  test.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=5-', { start: 5, end: 9 }],
    ['bytes=5-100', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-100', { start: 0, end: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=3-2', undefined],
    ['bytes=-', undefined],
    ['bytes=1-2,4-5', undefined],
    ['items=1-2', undefined],
    [null, undefined],
  ])('%p of ten bytes', (header, expected) => {
    expect(rangeOf(header, 10)).toEqual(expected as ReturnType<typeof rangeOf>);
  });

  test('never leaves the file, whatever is asked', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1_000 }), (from, to, size) => {
        for (const header of [`bytes=${from}-${to}`, `bytes=${from}-`, `bytes=-${to}`]) {
          const range = rangeOf(header, size);
          if (range === undefined || range === 'unsatisfiable') continue;
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeGreaterThanOrEqual(range.start);
          expect(range.end).toBeLessThan(size);
        }
      }),
    );
  });
});

describe('the name of a file', () => {
  test('is never a path, never empty, and fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (sent) => {
        const name = safeFileName(sent);
        expect(name).not.toMatch(/[/\\\p{Cc}]|^\.*$/u);
        expect([...name].length).toBeLessThanOrEqual(255);
      }),
    );
  });

  test('ends no header, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (sent) => {
        expect(contentDisposition('attachment', sent)).toMatch(
          /^attachment; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*$/,
        );
      }),
    );
  });
});

test('WebP is for who names it', () => {
  expect(acceptsWebp('image/avif,image/webp,image/*,*/*;q=0.8')).toBe(true);
  expect(acceptsWebp('image/WebP; q=0.5')).toBe(true);
  for (const accept of [null, '', '*/*', 'image/*', 'image/webp;q=0', 'image/webp2'])
    expect(acceptsWebp(accept)).toBe(false);
});

test('a tag is found in a list, weak or strong, or as a star', () => {
  for (const header of ['"a"', 'W/"a"', '"b", "a"', '*']) expect(matchesTag(header, '"a"')).toBe(true);
  for (const header of [null, '', '"b"', 'a']) expect(matchesTag(header, '"a"')).toBe(false);
});

test('a slug is one path segment of letters, digits and single dashes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (title) => {
      expect(slugOf(title)).toMatch(/^[\p{L}\p{N}\p{M}]+(-[\p{L}\p{N}\p{M}]+)*$/u);
    }),
  );
});
