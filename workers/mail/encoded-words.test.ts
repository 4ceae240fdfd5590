import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { startMailServer } from '../../tests/support/mail-server';
import { testRuntime } from '../../tests/support/servers';
import { openSmtp } from './smtp';
import { toSingleLine } from './templates';

const server = await startMailServer();
const runtime = testRuntime('mail-worker');
afterAll(async () => {
  await runtime.close();
  await server.close();
});
const smtp = openSmtp(runtime, {
  host: '127.0.0.1',
  port: server.port,
  secure: false,
  user: undefined,
  password: undefined,
  from: 'Rookery <no-reply@rookery.test>',
});

async function delivered(subject: string, to = 'ada@example.com') {
  const id = Bun.randomUUIDv7();
  const mail = { id, to, subject, html: '<p>a</p>', text: 'a', unsubscribeUrl: undefined };
  await smtp.send(mail);
  const received = server.mails.splice(0);
  expect(received).toHaveLength(1);
  return received[0];
}

const strange = fc.constantFrom(
  ...[
    '=?utf-8?B?SGVsbG8=?=',
    '=?utf-8?Q?x?=',
    '=?',
    '?=',
    '=?utf-8?Q?a b?=',
    '\r\nBcc: eve@example.com',
    '\n\n<p>',
  ],
  ...[
    '"',
    '\\',
    ',',
    ';',
    ':',
    '<eve@example.com>',
    '(',
    '@',
    '  ',
    ' ',
    'word',
    'é',
    'e\u0301',
    '道',
    '👨‍👩‍👧‍👦',
    '\u202e',
  ],
);
const text = fc
  .oneof(fc.array(strange, { maxLength: 12 }), fc.array(fc.string({ unit: 'binary' }), { maxLength: 2 }))
  .map((parts) => toSingleLine(parts.join('')));

test('subjects are shown as they were written, and nothing becomes another header', async () => {
  await fc.assert(
    fc.asyncProperty(text, async (subject) => {
      fc.pre(subject !== '');
      const mail = await delivered(subject);
      expect(mail?.subject).toBe(subject);
      expect(mail?.to).toEqual([{ address: 'ada@example.com', name: '' }]);
      expect([mail?.bcc, mail?.cc, mail?.html?.trim()]).toEqual([undefined, undefined, '<p>a</p>']);
    }),
    { numRuns: 200 },
  );
}, 60_000);

test('every line of the header fits, and an internationalized domain is sent in ASCII', async () => {
  const mail = await delivered('👨‍👩‍👧‍👦'.repeat(15), 'ada@xn--mnchen-3ya.de');
  expect(mail?.to).toEqual([{ address: 'ada@xn--mnchen-3ya.de', name: '' }]);
  for (const { originalKey, value } of mail?.headers ?? [])
    for (const word of value.split(' ')) expect(`${originalKey}: ${word}`.length).toBeLessThanOrEqual(200);
});
