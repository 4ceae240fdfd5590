import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseWebUrl, shownWebUrl } from './web-url';

const GOOD = [
  ...['https://example.com', 'https://example.com/a.png?b=c#d', 'http://localhost:9000/a', 'http://[::1]/'],
  ...[
    'https://bücher.example/ä',
    'https://example.com?next=a@b',
    'https://example.com/@ada',
    'https://a.b/%20',
  ],
];
const BAD = [
  ...[
    '',
    ' ',
    '\u2800',
    'a',
    '//a.example/',
    'https://',
    'https:a.example',
    'https:///a.example',
    'https:\\\\a.example',
  ],
  ...[
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,a',
  ],
  ...[
    'vbscript:a',
    'file:///etc/passwd',
    'ftp://a.example',
    'blob:https://a.example/1',
    'https://a.example/\u0000',
  ],
  ...[
    'http://user@a.example/',
    'http://user:password@a.example/',
    'http://@a.example/',
    'http://a.example\\@b.example',
  ],
  ...[
    'https://a.example/ b',
    ' https://a.example',
    'https://a.example ',
    'https://a.example/\tb',
    'https://a\u200b.example/',
  ],
  ...[
    'https://a.example/"onload="',
    'https://a.example/<script>',
    'https://a.example/\ud800',
    'https://a.example:99999/',
  ],
  `https://a.example/${'a'.repeat(2_048)}`,
];

test.each(GOOD)('%s is a web address', (text) => expect(parseWebUrl(text)?.protocol).toStartWith('http'));
test.each(BAD)('%p is none, and is not shown', (text) => {
  expect(parseWebUrl(text)).toBeNull();
  expect(shownWebUrl(text)).toBeNull();
});

test('what is one has the scheme and the host that it shows, whatever is tried', () => {
  const part = fc.constantFrom(
    ...'https://',
    'javascript:',
    'a.example',
    '@',
    ':',
    '/',
    '\\',
    '?',
    '#',
    '\n',
    '\u200b',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      const url = parseWebUrl(text);
      if (url === null) return;
      expect(text).toMatch(/^https?:\/\/[^/?#@\\\s]+/);
      expect([url.username, url.password]).toEqual(['', '']);
      expect(text.toLowerCase()).toStartWith(`${url.protocol}//`);
    }),
  );
});
