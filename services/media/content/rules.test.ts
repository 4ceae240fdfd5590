import { describe, expect, test } from 'bun:test';
import { parse } from 'content-disposition';
import fc from 'fast-check';
import { acceptsWebp, contentDisposition, rangeOf } from './rules';

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
    ['bytes=20-,30-', undefined],
    ['items=1-2', undefined],
    [null, undefined],
  ])('%p of ten bytes', (header, expected) => {
    expect(rangeOf(header, 10)).toEqual(expected as ReturnType<typeof rangeOf>);
  });

  test('never exceeds the file', () => {
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

describe('Content-Disposition', () => {
  const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
  const QUOTED = '"(?:[\\x20-\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\["\\\\])*"';
  const EXTENDED = "; filename\\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*";
  const HEADER = new RegExp(`^attachment; filename=(?:${TOKEN}|${QUOTED})(?:${EXTENDED})?$`);

  test('holds any file name without breaking out of the header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (sent) => {
        const header = contentDisposition('attachment', sent);
        expect(header).toMatch(HEADER);
        expect(parse(header).parameters.filename).toBe(sent.toWellFormed());
      }),
    );
  });

  test('has a plain fallback beside a name that is not ASCII', () => {
    expect(contentDisposition('inline', 'plan.pdf')).toBe('inline; filename=plan.pdf');
    expect(contentDisposition('inline', '日本.png')).toBe(
      `inline; filename="??.png"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png`,
    );
    expect(contentDisposition('attachment', 'a"b\r\n.png')).toBe(
      `attachment; filename="a\\"b??.png"; filename*=UTF-8''a%22b%0D%0A.png`,
    );
  });
});

test('WebP is accepted only by an explicit image/webp', () => {
  expect(acceptsWebp('image/avif,image/webp,image/*,*/*;q=0.8')).toBe(true);
  expect(acceptsWebp('image/WebP; q=0.5')).toBe(true);
  for (const accept of [null, '', '*/*', 'image/*', 'image/webp;q=0', 'image/webp2'])
    expect(acceptsWebp(accept)).toBe(false);
});
