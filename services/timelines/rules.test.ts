import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  belongsHome,
  countCharacters,
  findHashtags,
  findMentions,
  hasUnprintable,
  isBlank,
  isVisible,
  mergeNewestFirst,
  normalizeText,
  searchExpression,
} from './rules';

describe('the length of a text', () => {
  test.each([
    ['', 0],
    ['hello', 5],
    ['👨‍👩‍👧‍👦🇩🇪e\u0301', 3],
    ['https://example.com/a/very/long/path?with=parameters', 23],
    ['see http://a.b', 27],
    ['no-url.com', 10],
  ])('%p counts %i', (text, length) => expect(countCharacters(text)).toBe(length));

  test('is never more than its code units, but for URLs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/https?:/i.test(text));
        expect(countCharacters(text)).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

test('texts that look the same are the same', () => {
  expect(normalizeText('  e\u0301\r\nx\r ')).toBe('\u00e9\nx');
});

test.each([' ', '\u200b\u200d', '\u3000\n\t', '\u0301', ''])('%p is blank', (text) =>
  expect(isBlank(text)).toBe(true),
);

test('line breaks and tabs are printable, other control characters and half characters are not', () => {
  expect(['a\nb\tc', 'ü 👍'].some(hasUnprintable)).toBe(false);
  for (const text of ['a\u0000', '\u001b[31m', '\u0085', '\udc00']) expect(hasUnprintable(text)).toBe(true);
});

test.each([
  ['@Alice and @bob, @ALICE', ['alice', 'bob']],
  ['mail@example.com https://x.y/@nobody', []],
  ['(@carol) @ab @dave@elsewhere.org', ['carol']],
  ['@'.repeat(1000), []],
])('the mentions of %p are %p', (text, mentions) => expect(findMentions(text)).toEqual(mentions));

test.each([
  ['#Birds and #birds, #vögel!', ['birds', 'vögel']],
  ['#1 is no tag, #1st is', ['1st']],
  ['https://x.y/#part &#39; a#b', []],
  [`#${'x'.repeat(100)}`, ['x'.repeat(100)]],
])('the hashtags of %p are %p', (text, tags) => expect(findHashtags(text)).toEqual(tags));

test('a search asks for every word and for nothing else, whatever is typed', () => {
  expect(searchExpression('the Quick +brown -"fox*"')).toBe('+quick +brown +fox');
  expect(searchExpression('the a "')).toBeNull();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (query) => {
      expect(searchExpression(query) ?? '').toMatch(/^(\+[\p{L}\p{N}\p{M}_]{3,} ?)*$/u);
    }),
  );
});

describe('who sees a post', () => {
  const post = {
    authorId: 'a',
    visibility: 'public',
    followed: false,
    blocked: false,
    muted: false,
  } as const;
  const hidden = { ...post, visibility: 'followers' } as const;

  test('everybody, but those with a block between them and the author', () => {
    expect(isVisible(post, null)).toBe(true);
    expect(isVisible({ ...post, blocked: true }, 'v')).toBe(false);
  });

  test('followers only, where it says so, and always its author', () => {
    expect(isVisible(hidden, 'v')).toBe(false);
    expect(isVisible({ ...hidden, followed: true }, 'v')).toBe(true);
    expect(isVisible({ ...hidden, blocked: true }, 'a')).toBe(true);
  });

  test('at home: of whom one follows and has not muted, and one’s own', () => {
    expect(belongsHome(post, 'v')).toBe(false);
    expect(belongsHome({ ...post, followed: true }, 'v')).toBe(true);
    expect(belongsHome({ ...post, followed: true, muted: true }, 'v')).toBe(false);
    expect(belongsHome(post, 'a')).toBe(true);
  });
});

test('two lists become one, newest first, each id once', () => {
  expect(mergeNewestFirst(['30', '9'], ['100', '30'])).toEqual(['100', '30', '9']);
});
