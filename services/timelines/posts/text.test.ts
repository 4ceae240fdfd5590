import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { countCharacters, hasUnprintable, isBlank, normalizeText } from './text';

describe('the length of a text', () => {
  test.each([
    ['', 0],
    ['hello', 5],
    ['👨‍👩‍👧‍👦🇩🇪e\u0301', 3],
    ['https://example.com/a/very/long/path?with=parameters', 23],
    ['see http://a.b', 27],
    ['no-url.com', 10],
  ])('%p counts %i', (text, length) => expect(countCharacters(text)).toBe(length));

  test('is at most the number of code units, except for URLs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/https?:/i.test(text));
        expect(countCharacters(text)).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

test('normalization makes texts that look the same equal', () => {
  expect(normalizeText('  e\u0301\r\nx\r ')).toBe('\u00e9\nx');
});

test.each([' ', '\u200b\u200d', '\u3000\n\t', '\u0301', ''])('%p is blank', (text) =>
  expect(isBlank(text)).toBe(true),
);

test('line feeds and tabs are printable, other control characters and lone surrogates are not', () => {
  expect(['a\nb\tc', 'ü 👍'].some(hasUnprintable)).toBe(false);
  for (const text of ['a\u0000', '\u001b[31m', '\u0085', '\udc00']) expect(hasUnprintable(text)).toBe(true);
});
