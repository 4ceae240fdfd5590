import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { countGraphemes } from '#kit/text/graphemes';
import { countCharacters, parseDraft } from './draft';
import { namesIn } from './names';

const problemOf = (text: string, other: object = {}): unknown => {
  try {
    parseDraft({ text, ...other }, 500);
    return undefined;
  } catch (failure) {
    return failure;
  }
};

describe('the length of a post', () => {
  test.each([
    ['', 0],
    ['hello', 5],
    ['👨‍👩‍👧‍👦🇩🇪e\u0301', 3],
    ['https://example.com/a/very/long/path?with=parameters', 23],
    ['see http://example.org', 27],
    ['「https://example.jp/道」', 25],
    ['no-url.com', 10],
    [`https://a${'a'.repeat(9_000)}`, 9_009],
    [`https://example.com/${'a'.repeat(9_000)}`, 9_020],
  ])('%# counts its graphemes, and 23 for a URL', (text, length) =>
    expect(countCharacters(text)).toBe(length),
  );

  test('without URLs it is the number of graphemes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!text.includes('://'));
        expect(countCharacters(text)).toBe(countGraphemes(text));
      }),
    );
  });
});

describe('a draft', () => {
  test.each([
    ...['\u3164', '\u115f\u1160', '\u2800', ' \n\u200b\u3000 ', '\ufe0f', '\u0301'],
    ...['a\u0007b', 'a\ud800', '\ufffe', 'a\u0085'],
    ...[`a${'\u0301'.repeat(9_900)}`, `https://a${'a'.repeat(9_000)}`, 'x'.repeat(501)],
  ])('%# is refused', (text) => {
    expect(problemOf(text)).toBeDefined();
    expect(problemOf(text, { repost_of: '1' })).toBeDefined();
  });

  test.each(['👨‍👩‍👧‍👦'.repeat(500), 'நி'.repeat(500), 'a\tb\nc', `https://example.com/${'x'.repeat(900)}`])(
    '%# is accepted',
    (text) => expect(problemOf(text)).toBeUndefined(),
  );

  test('is stored as NFC with line feeds', () =>
    expect(parseDraft({ text: '  e\u0301\r\nx\r ' }, 500).text).toBe('\u00e9\nx'));
});

describe('the names in a text', () => {
  test.each([
    ['@Alice and @bob, @ALICE', ['alice', 'bob']],
    ['@renXé and (@carol) @ab @dave@elsewhere.org', ['carol']],
    ['mail@example.com https://example.com/@nobody', []],
    ['@'.repeat(1_000), []],
  ])('%p mentions %p', (text, mentions) => expect(namesIn(text).usernames).toEqual(mentions));

  test.each([
    ['#Birds and #birds, #vögel!', ['birds', 'vögel']],
    ['#نرم‌افزار', ['نرم‌افزار']],
    ['#1 is no tag, #1st is', ['1st']],
    ['https://example.com/#part &#39; a#b', []],
  ])('%p has the hashtags %p', (text, tags) => expect(namesIn(text).hashtags).toEqual(tags));
});
