import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { entitiesOf, hashtagKey, urlsOf } from './entities';

const valuesOf = (text: string, kind: string) =>
  entitiesOf(text)
    .filter((entity) => entity.kind === kind)
    .map(({ value }) => value);

describe('mentions', () => {
  test.each([
    ['hello @alice and @Bob_1!', ['alice', 'bob_1']],
    ['(@alice)', ['alice']],
    ['@alice.', ['alice']],
    ['日本語 @alice さん', ['alice']],
    ['@alice, @alice', ['alice', 'alice']],
  ])('%s', (text, names) => expect(valuesOf(text, 'mention')).toEqual(names));

  test.each([
    '@renXé',
    '@alice\u0301',
    'mail@alice.example',
    '@alice@other.example',
    'x@alice',
    '日@alice',
    '@alice本',
    '@alice\u200dx',
    'https://example.com/@alice',
    '@al',
  ])('%s names nobody', (text) => expect(valuesOf(text, 'mention')).toEqual([]));
});

describe('hashtags', () => {
  test.each([
    ['#Rookery', ['rookery']],
    ['#نرم‌افزار', ['نرم‌افزار']],
    ['#क्षत्रिय and #ไทย', ['क्षत्रिय', 'ไทย']],
    ['#東京 #café', ['東京', 'café']],
    ['#cafe\u0301', ['café']],
    ['＃全角', ['全角']],
    ['#2026年', ['2026年']],
    ['#a#b', []],
    ['#ab#cd #東京＃大阪 #abc＃', []],
    ['#️⃣ #1️⃣ #\u0301 #\ufe0f #_ #١٢٣', []],
    ['#\u3164 #\u115f\u1160 #\u200c #\u200dx', []],
    ['#葛\u{e0100}飾 #love\ufe0f #\u180bx', ['葛飾', 'love', 'x']],
    ['#می‌شود‌ #Ⅷ', ['می‌شود', 'ⅷ']],
    ['#123 &#39; a#b /#c', []],
    ['https://example.com/#top', []],
  ])('%s', (text, tags) => expect(valuesOf(text, 'hashtag')).toEqual(tags));

  test('the key is the same for composed and decomposed letters, upper and lower case', () => {
    expect(hashtagKey('#CAFE\u0301')).toBe(hashtagKey('café'));
    expect(hashtagKey('cafe')).not.toBe(hashtagKey('café'));
    expect(hashtagKey('ΟΔΟΣ')).toBe(hashtagKey('οδος'));
    expect(hashtagKey('İzmir')).not.toBe(hashtagKey('izmir'));
  });

  test('the key of a tag is its own key, and a tag in a text has it', () => {
    const letters = fc.array(
      fc.constantFrom(...'aé東क्षا', '\u200c', '\u200d', '\ufe0f', '\u0301', '1', '_', 'ẞ'),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(letters, (parts) => {
        const tag = parts.join('');
        const key = hashtagKey(tag);
        expect(hashtagKey(key)).toBe(key);
        expect([[], [key]]).toContainEqual(valuesOf(`x #${tag} y`, 'hashtag'));
      }),
    );
  });
});

describe('URLs', () => {
  test.each([
    ['see https://example.com/a?b=c#d.', ['https://example.com/a?b=c#d']],
    ['(https://example.com/a_(b))', ['https://example.com/a_(b)']],
    ['https://münchen.de/straße', ['https://münchen.de/straße']],
    ['http://xn--mnchen-3ya.de', ['http://xn--mnchen-3ya.de']],
    ['「https://example.jp/道」', ['https://example.jp/道']],
  ])('%s', (text, urls) => expect(urlsOf(text).map(({ value }) => value)).toEqual(urls));

  test('offsets count from the start of the text, and a URL at the end of a long run is whole or none', () => {
    const text = '東京 https://example.com/a と https://example.org/b?c';
    for (const { start, end, value } of urlsOf(text)) expect(text.slice(start, end)).toBe(value);
    const long = `「${'字'.repeat(4_000)}」https://example.com/${'a'.repeat(500)} https://example.org/`;
    expect(urlsOf(long).map(({ value }) => value)).toEqual(['https://example.org/']);
  });

  test.each([
    `https://${'a'.repeat(9_000)}`,
    `https://example.com/${'a'.repeat(9_000)}`,
    'https://a',
    'ftp://example.com',
  ])('longer than a URL may be, or without a public host: text (%#)', (text) =>
    expect(urlsOf(text)).toEqual([]),
  );
});
