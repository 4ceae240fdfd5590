import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { LinkifyIt } from 'linkify-it';
import { countGraphemes } from '#kit/text/graphemes';
import { invoiceNumber, own, strangerLine, strangerLines, username } from './mail-text';

/** Takes more for a link than any mail client: every top-level domain, addresses, IP addresses, `//host` and all schemes. */
const linkifier = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true, fuzzyIP: true }).tlds([
  '[a-z0-9\\u00a1-\\uffff-]{1,63}',
]);
for (const scheme of ['javascript:', 'data:', 'tel:', 'sms:', 'file:', 'bitcoin:', 'intent:'])
  linkifier.add(scheme, { validate: (text, at) => Number(/\S/.test(text.charAt(at))) });

/** What a client may have made of a text before it looks for links. */
const readings = (text: string): string[] => {
  const visible = text.replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return [text, text.normalize('NFKC'), visible, visible.normalize('NFKC')];
};
const linksIn = (text: string): string[] =>
  readings(text).flatMap((reading) => (linkifier.match(reading) ?? []).map(({ raw }) => raw));

const links = [
  ...['evil.com', 'EVIL.COM', 'www.evil.com', 'http://evil.example', 'https://evil.example/a?b=c#d'],
  ...['//evil.com', '//localhost/x', 'http://localhost', 'http://localhost:8080/', 'ftp://evil.com'],
  ...['eve@evil.com', 'mailto:eve@evil.com', 'eve@localhost', 'xn--bcher-kva.example', 'bücher.example'],
  ...['例え。テスト', '例え．テスト', '例え｡テスト', 'ｅｖｉｌ．ｃｏｍ', 'evil․com', 'evil﹒com'],
  ...['javascript:alert(1)', 'data:text/html,x', 'tel:+4930123456', 'http：//evil．com', 'eve＠evil.com'],
  ...['192.168.0.1', 'http://192.168.0.1/x', '1.1.1.1:80', '[::1]', 'http://[::1]/', 'evil.1com', '5.co'],
  ...[
    'ev\u200bil.com',
    'evil.\u200bcom',
    'evil\u2060.com',
    'evil.\u00adcom',
    'evil.\u202ecom',
    'h\u200dttp://evil.com',
  ],
  ...['<a href="http://evil.com">x</a>', '[x](http://evil.com)', 'evil.com.', '(evil.com)', 'a.b.c.evil.com'],
  ...['http:\\\\evil.com', 'https:evil.com', 'evil.com/path', 'evil.com:443', '1⒈com', 'Hello.World'],
];

describe('words of strangers', () => {
  test.each(links)('are no link: %s', (text) => {
    for (const around of [text, `Click ${text} NOW`, `"${text}"`, `${text},${text}`])
      expect(linksIn(strangerLine(around, 300))).toEqual([]);
  });

  test('are no link, however they are composed, and stay within their length and on their line', () => {
    // Without this the property would hold for a linkifier that finds nothing.
    const found = links.filter((text) => linksIn(`Click ${text} now`).length > 0);
    expect(found.length).toBeGreaterThan(links.length * 0.6);
    const parts = fc.constantFrom(
      ...[
        'evil',
        'com',
        'www',
        'http',
        'https',
        'mailto',
        'localhost',
        'xn--a',
        'ü',
        '例',
        '1',
        '255',
        'a',
        'ﬀ',
      ],
      ...[
        '.',
        '。',
        '．',
        '․',
        '…',
        '⒈',
        ':',
        '：',
        '/',
        '//',
        '\\',
        '@',
        '＠',
        '-',
        '_',
        '?',
        '#',
        '%2e',
        '&',
      ],
      ...[
        ' ',
        '\n',
        '\u2028',
        '\u200b',
        '\u200d',
        '\ufe0f',
        '\u00ad',
        '\u202e',
        '\u2066',
        '\u2060',
        '\u034f',
      ],
      ...['(', ')', '<', '>', '"', "'", ',', '!', '[', ']', '👨‍👩‍👧‍👦', 'e\u0301\u0301\u0301'],
    );
    const texts = fc.oneof(
      fc.array(parts, { maxLength: 14 }).map((chosen) => chosen.join('')),
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(fc.constantFrom(...links), { maxLength: 4 }).map((chosen) => chosen.join('')),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 40 }), (text, max) => {
        const line = strangerLine(text, max);
        expect(linksIn(line)).toEqual([]);
        expect(line).not.toMatch(/[\p{Bidi_Control}\p{Cc}\p{Zl}\p{Zp}]/u);
        // A space follows what was joined: at most twice as long.
        expect(countGraphemes(line)).toBeLessThanOrEqual(2 * max);
        expect(line.isWellFormed()).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  test.each([
    ['It costs 3.50 at 10:30 and/or today. Really?! 1,000.5%', undefined],
    ['Grüße… 👨‍👩‍👧‍👦 und \u05e9\u05dc\u05d5\u05dd (so.)', undefined],
    ['Look at https://evil.example/x', 'Look at https: / /evil. example/x'],
    ['Write to eve@evil.com', 'Write to eve@ evil. com'],
    ['こんにちは。元気', 'こんにちは。 元気'],
  ])('stay readable: %s', (text, expected = text) => {
    expect(String(strangerLine(text, 300))).toBe(expected);
  });

  test('are cut by characters as people count them, and by lines', () => {
    expect(String(strangerLine('👨‍👩‍👧‍👦'.repeat(9), 5))).toBe(`${'👨‍👩‍👧‍👦'.repeat(4)}…`);
    expect(strangerLine(`a${'\u0301'.repeat(5_000)}`, 10).length).toBeLessThanOrEqual(160);
    expect(strangerLines('a\r\nb\u2028c\nd', { graphemes: 9, lines: 3 }).map(String)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test('take linear time', () => {
    // Quadratic, it would take minutes.
    for (const unit of ['1.', '1:', '../', 'a.', '1', '@@', '\u0301'])
      expect(strangerLine(unit.repeat(500_000), 1_000).length).toBeLessThanOrEqual(32_000);
  });
});

describe('headlines', () => {
  test('hold a username, which is never a link, or “someone”', () => {
    fc.assert(
      fc.property(fc.oneof(fc.stringMatching(/^[a-z0-9_]{3,30}$/), fc.constantFrom(...links)), (name) => {
        const shown = username(name);
        expect(linksIn(own`${shown} liked your post`)).toEqual([]);
        if (!/^[a-z0-9_]+$/.test(name)) expect(String(shown)).toBe('someone');
      }),
    );
    expect(String(username('Click https://evil.example NOW'))).toBe('someone');
  });

  test('hold no number of an invoice that could be a link', () => {
    for (const text of links) expect(linksIn(own`Invoice ${invoiceNumber(text)} is paid`)).toEqual([]);
    expect(String(invoiceNumber('2026-17'))).toBe('2026-17');
  });
});
