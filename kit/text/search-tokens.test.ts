import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { searchTerms, searchTokens } from './search-tokens';

const isFound = (query: string, text: string) => {
  const terms = new Set(searchTokens(text, 'index'));
  const wanted = searchTokens(query, 'query');
  return wanted.length > 0 && wanted.every((token) => terms.has(token));
};

describe('a text is found', () => {
  test.each([
    ['東京', '昨日、東京タワーに行きました'],
    ['タワー', '昨日、東京タワーに行きました'],
    ['ﾀﾜｰ', '昨日、東京タワーに行きました'],
    ['京', '昨日、東京タワーに行きました'],
    ['กรุงเทพ', 'ฉันอยู่ที่กรุงเทพมหานคร'],
    ['ພາສາ', 'ຂ້ອຍເວົ້າພາສາລາວ'],
    ['ភាសា', 'ខ្ញុំនិយាយភាសាខ្មែរ'],
    ['မြန်မာ', 'ကျွန်တော်မြန်မာစကားပြောတယ်'],
    ['서울', '서울에서 만나요'],
    ['go', 'I like Go and C'],
    ['c', 'I like Go and C'],
    ['the', 'What The'],
    ['zurich STRASSE', 'Zürich, Straße 5'],
    ['5', 'Zürich, Straße 5'],
    ['example', 'see https://example.com/a_b'],
    ["don't", "I don't"],
    ['Привет', 'привет, мир'],
    ['ὈΔΥΣΣΕΎΣ', 'Οδυσσεύς'],
    ['नमस्ते', 'नमस्ते दुनिया'],
    ['محمد', 'مُحَمَّد رسول'],
    ['مُحَمَّد', 'محمد'],
    ['احمد', 'أحمد'],
    ['جميل', 'جمـــيل'],
    ['שלום', 'שָׁלוֹם עולם'],
    ['שָׁלוֹם', 'שלום'],
    ['نرمافزار', 'نرم‌افزار'],
    ['🎉', 'party 🎉!'],
    ['👍', 'well done 👍🏽'],
    ['👩', '👨‍👩‍👧‍👦'],
    ['🇩🇪', 'Hallo 🇩🇪🇫🇷'],
    ['x'.repeat(300), `a ${'x'.repeat(300)} b`],
  ])('by %p in %p', (query, text) => expect(isFound(query, text)).toBe(true));

  test.each([
    ['京東', '東京タワー'],
    ['大阪', '東京タワー'],
    ['か', 'が'],
    ['राम', 'रम'],
    ['go', 'going'],
    ['zebra quick', 'another zebra'],
    ['🎂', 'party 🎉'],
    ['🇪🇫', 'Hallo 🇩🇪🇫🇷'],
    ['', 'anything'],
    ['+ - " * ( ) @', 'anything'],
  ])('not by %p in %p', (query, text) => expect(isFound(query, text)).toBe(false));
});

test('every part of a sentence in a script without spaces finds it', () => {
  const sentence = fc.array(
    fc.constantFrom(
      ...'東京々ーアイウガかな',
      ...'ภาษาไทย',
      ...'ພາສາ',
      ...'ភាសា',
      ...'မြန်',
      '한',
      '국',
      '、',
      ' ',
      'a',
    ),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(sentence, fc.nat(), fc.nat(), (characters, from, length) => {
      const text = characters.join('').normalize('NFC');
      const units = [...text];
      const start = from % units.length;
      const part = units.slice(start, start + 1 + (length % units.length)).join('');
      fc.pre(!part.includes('a') && searchTerms(part, 'query').length > 0);
      // A mark at the start of a part would belong to the character before it.
      fc.pre(!/^\p{M}/u.test(part));
      expect(isFound(part, text)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('every text finds itself, in any case and normalization form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      fc.pre(searchTerms(text, 'query').length > 0);
      for (const query of [text, text.normalize('NFD'), text.normalize('NFC')])
        expect(isFound(query, text)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('whatever the text, its tokens are distinct words of 4 to 80 ASCII letters and digits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      for (const use of ['index', 'query'] as const) {
        const tokens = searchTokens(text, use);
        expect(new Set(tokens).size).toBe(tokens.length);
        for (const token of tokens) expect(token).toMatch(/^[a-z0-9]{4,80}$/);
      }
    }),
    { numRuns: 1_000 },
  );
});
