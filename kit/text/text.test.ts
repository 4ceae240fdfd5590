import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { emailKey, parseEmail } from './email';
import { clip, countGraphemes, hasOversizedGrapheme, truncate } from './graphemes';
import { identityKey, usernameKey } from './identity';
import { normalizePassword } from './password';
import { parsePhoneNumber } from './phone';
import { hasUnprintable, isBlank, toLine } from './visible';

const FAMILY = '👨‍👩‍👧‍👦';

describe('length', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    [FAMILY, 1],
    ['e\u0301', 1],
    ['🇩🇪🇫🇷', 2],
    ['\r\n', 1],
    ['நி', 1],
  ])('%p', (text, length) => expect(countGraphemes(text)).toBe(length));

  test('truncating never cuts a grapheme in half, and never exceeds the limit', () => {
    const parts = fc.array(fc.constantFrom('a', ' ', FAMILY, 'é', 'e\u0301', '🇩🇪', 'நி', '\n', '…'), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 30 }), (graphemes, max) => {
        const text = graphemes.join('');
        const cut = truncate(text, max);
        expect(countGraphemes(cut)).toBeLessThanOrEqual(max);
        expect(cut.isWellFormed()).toBe(true);
        if (countGraphemes(text) <= max) expect(cut).toBe(text);
        else expect(text.startsWith(cut.slice(0, -1)) && cut.endsWith('…')).toBe(true);
      }),
    );
  });

  test('truncating holds a limit in code units as well', () => {
    const parts = fc.array(fc.constantFrom('a', FAMILY, 'e\u0301', '🇩🇪'), { maxLength: 30 });
    fc.assert(
      fc.property(
        parts,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 60 }),
        (all, max, units) => {
          const text = all.join('');
          const cut = truncate(text, max, units);
          expect(cut.length).toBeLessThanOrEqual(units);
          expect(countGraphemes(cut)).toBeLessThanOrEqual(max);
          expect(cut.isWellFormed()).toBe(true);
          if (countGraphemes(text) <= max && text.length <= units) expect(cut).toBe(text);
          else expect(text.startsWith(cut.slice(0, -1)) && cut.endsWith('…')).toBe(true);
        },
      ),
    );
  });

  test('a grapheme with more marks than any language has is oversized; emoji sequences are not', () => {
    expect(hasOversizedGrapheme(`b${'\u0301'.repeat(100)}`)).toBe(true);
    expect(hasOversizedGrapheme(`${'a'.repeat(100)}${FAMILY.repeat(100)}`)).toBe(false);
    expect(hasOversizedGrapheme('🏴󠁧󠁢󠁥󠁮󠁧󠁿👩🏽‍❤️‍💋‍👨🏿'.repeat(9))).toBe(false);
  });
});

test('a clipped text fits its bytes, is the longest start that does, and no grapheme of it is cut', () => {
  const parts = fc.array(fc.constantFrom('a', FAMILY, 'e\u0301', '🇩🇪', 'நி', '道'), { maxLength: 20 });
  fc.assert(
    fc.property(parts, fc.nat(80), (graphemes, maxBytes) => {
      const clipped = clip(graphemes.join(''), maxBytes);
      expect(Buffer.byteLength(clipped)).toBeLessThanOrEqual(maxBytes);
      const count = countGraphemes(clipped);
      expect(clipped).toBe(graphemes.slice(0, count).join(''));
      const next = graphemes[count];
      if (next !== undefined) expect(Buffer.byteLength(clipped + next)).toBeGreaterThan(maxBytes);
    }),
  );
});

describe('blankness', () => {
  test.each([
    '',
    ' \n\t',
    '\u3164',
    '\u115f\u1160',
    '\uffa0',
    '\u2800',
    '\u{1d159}',
    '\u{13441}\u{13442}',
    '\u200b\u200d',
    '\u0301\u0301',
    '\ufe0f',
    '\u{e0020}',
    '\u00ad',
    '\ue000',
  ])('%j shows nothing', (text) => expect(isBlank(text)).toBe(true));
  test.each(['a', ' . ', '💙', '한', '⠁', '〃', '\u200ba'])('%j shows something', (text) =>
    expect(isBlank(text)).toBe(false),
  );
  test.each(['\u0000', '\u0085', '\ud800', 'a\udfff', '\ufffe', '\u{1ffff}'])('%j cannot be shown', (text) =>
    expect(hasUnprintable(text)).toBe(true),
  );
  test('line breaks and tabs can be shown', () => expect(hasUnprintable('a\n\tb\r\nc')).toBe(false));
  test.each([
    ['a\r\nb', 'a b'],
    ['\u2028a\u2029\u0085b\t', 'a b'],
    ['a\u0000\ufffeb', 'a b'],
    ['Ada 🦉', 'Ada 🦉'],
  ])('%j on one line is %j', (text, line) => expect(toLine(text)).toBe(line));
});

describe('identity', () => {
  const isSame = (one: string, other: string) => identityKey(one, 'ignore') === identityKey(other, 'ignore');
  test.each([
    ['k', 'k '],
    ['é', 'e\u0301'],
    ['Straße', 'STRAßE'],
    ['ÅNGSTRÖM', 'a\u030angstro\u0308m'],
  ])('%j and %j are one', (one, other) => expect(isSame(one, other)).toBe(true));
  test.each([
    ['ano', 'año'],
    ['sınır', 'sinir'],
    ['jose', 'josé'],
    ['か', 'が'],
    ['😀', '😁'],
    ['a', 'ａ'],
  ])('%j and %j are two', (one, other) => expect(isSame(one, other)).toBe(false));
  test('opaque ids distinguish case', () =>
    expect(identityKey('K', 'distinguish')).not.toBe(identityKey('k', 'distinguish')));
  test('a key is its own key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const key = identityKey(text.toWellFormed(), 'ignore');
        expect(identityKey(key, 'ignore')).toBe(key);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('e-mail addresses', () => {
  test.each([
    ['Jo.Se+tag@Example.COM', 'jo.se+tag@example.com'],
    ['josé@example.com', 'josé@example.com'],
    ['jose\u0301@example.com', 'josé@example.com'],
    ['user@münchen.de', 'user@xn--mnchen-3ya.de'],
    ['user@xn--mnchen-3ya.de', 'user@xn--mnchen-3ya.de'],
    ['用户@例え.テスト', '用户@xn--r8jz45g.xn--zckzah'],
    [' a@b.co ', 'a@b.co'],
  ])('%s has the key %s', (typed, key) => expect(parseEmail(typed)?.key).toBe(key));

  test.each([
    ...[
      'jo..se@example.com',
      '.jose@example.com',
      'jose.@example.com',
      'jose@',
      '@example.com',
      'jose@localhost',
    ],
    ...[
      'jo\u200bse@example.com',
      'jose@exa\u200bmple.com',
      'jo se@example.com',
      'a@b@example.com',
      'jose@example..com',
    ],
    ...[
      'jose@-example.com',
      'jose@127.0.0.1',
      'jose@[127.0.0.1]',
      'jose@exa_mple.com',
      `${'a'.repeat(65)}@example.com`,
    ],
    ...['\u0301a@example.com', 'a.\u0301b@example.com', 'a\ufe0f@example.com', 'a\u{e0041}@example.com'],
    ...[`a@${'b'.repeat(64)}.com`, 'a\u202eb@example.com', '"a b"@example.com', 'jose', ''],
  ])('%j is refused', (typed) => expect(parseEmail(typed)).toBeNull());
});

describe('phone numbers', () => {
  test.each([
    ['+49 30 123456', '+4930123456'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['+44 20 7946 0958', '+442079460958'],
    ['＋８１ 90-1234-5678', '+819012345678'],
    [' +٤٩ ٣٠ ١٢٣٤٥٦ ', '+4930123456'],
  ])('%s is %s', (typed, number) => expect(parsePhoneNumber(typed)).toBe(number));
  test.each([
    ...['-----', '', '+', '+1', '030 123456', '+999 123456789', '+49', 'phone +4930123456', '+49abc'],
    // A number and something else, which would be dropped.
    ...['+49 30 123456 call me', '+4930123456<b>', '+49 30 123456 ext. 5', '+49 30 123456 #5'],
    ...['+4930123456;ext=5', '+49 30 123456\u0000', '+49 30\u200b 123456', '+49 30 123456\n+1'],
    ...['++4930123456', '\u202a+4930123456\u202c', 'tel:+4930123456', '+1-800-FLOWERS'],
  ])('%j is refused', (typed) => expect(parsePhoneNumber(typed)).toBeNull());

  test('what follows a number is never dropped', () => {
    const others = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 5 })
      .filter((text) => /^[^\p{Nd}\p{Z}\s()./（）．／－\-\u2010-\u2015]/u.test(text));
    fc.assert(fc.property(others, (other) => expect(parsePhoneNumber(`+49 30 123456${other}`)).toBeNull()));
  });
});

describe('account names', () => {
  test('an address that no mail server takes still has a key', () => {
    expect(emailKey(' Jo..Se@Example.com')).toBe('jo..se@example.com');
    expect(emailKey('Jo@BÜCHER.example')).toBe('jo@xn--bcher-kva.example');
  });
  test('every form of an address has one key', () => {
    const label = fc.string({
      unit: fc.constantFrom('a', 'ü', 'é', 'ß', '例', 'n', '1'),
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(label, label, (local, domain) => {
        const typed = `${local}@${domain}.example`;
        const parsed = parseEmail(typed);
        if (parsed === null) return;
        for (const other of [
          typed.normalize('NFD'),
          typed.toUpperCase().replaceAll('SS', 'ẞ'),
          parsed.key,
          parsed.address,
        ])
          expect(emailKey(other)).toBe(parsed.key);
      }),
    );
  });
  test('only ASCII letters of a username are equal in upper and lower case', () => {
    expect(usernameKey(' Ada_L ')).toBe('ada_l');
    for (const other of ['\u212a', 'ſ', 'É']) expect(usernameKey(other)).toBe(other);
  });
});

describe('passwords', () => {
  test('normalizing keeps case and width, and makes every space one', () => {
    expect(normalizePassword('Ａa\u00a0b\u3000c\u2003d e')).toBe('Ａa b c d e');
    expect(normalizePassword(' e\u0301 ')).toBe(' é ');
  });
  test('what is normalized stays as it is, and canonically equivalent passwords are equal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (typed) => {
        const password = typed.toWellFormed();
        const normalized = normalizePassword(password);
        expect(normalizePassword(normalized)).toBe(normalized);
        expect(normalizePassword(password.normalize('NFD'))).toBe(normalized);
      }),
      { numRuns: 1_000 },
    );
  });
});
