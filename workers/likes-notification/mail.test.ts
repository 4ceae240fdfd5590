import { afterAll, afterEach, expect, test } from 'bun:test';
import { createServer, type Server } from 'node:net';
import { uuidv7 } from '#kit/ids';
import { PermanentError } from '#kit/message-delivery';
import { testRuntime } from '../../tests/support/servers';
import { openMailer } from './mail';

const runtime = testRuntime('likes-notification');
let server: Server | undefined;

afterEach(() => server?.close());
afterAll(() => runtime.close());

/** A mail server that answers a recipient as told and keeps what it is sent. */
async function mailServer(answerToRecipient = '250 OK') {
  const mails: string[] = [];
  server = createServer((socket) => {
    let reading = false;
    let pending = '';
    socket.write('220 mail.test\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      pending += bytes;
      if (reading) {
        if (!pending.endsWith('\r\n.\r\n')) return;
        // Long lines travel folded.
        mails.push(pending.replaceAll('=\r\n', ''));
        reading = false;
        socket.write('250 OK\r\n');
      } else if (pending.startsWith('DATA')) {
        reading = true;
        socket.write('354 Go on\r\n');
      } else socket.write(`${pending.startsWith('RCPT') ? answerToRecipient : '250 OK'}\r\n`);
      pending = '';
    });
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const env = { SMTP_HOST: '127.0.0.1', SMTP_PORT: port, MAIL_FROM: 'Rookery <no-reply@rookery.example>' };
  return { mails, mailer: openMailer(runtime, env) };
}

const digest = (change: { name?: string; address?: string; liker?: string; excerpt?: string } = {}) => ({
  id: uuidv7(),
  to: { name: change.name ?? 'Ada', address: change.address ?? 'ada@example.com' },
  posts: [{ excerpt: change.excerpt ?? 'A post', likers: [change.liker ?? 'bob'], othersCount: 0 }],
});

const headersOf = (mail = '') => mail.slice(0, mail.indexOf('\r\n\r\n'));

test('a mail says who liked what, under an id that is the same when it is sent again', async () => {
  const { mails, mailer } = await mailServer();
  const mail = digest({ excerpt: 'I think <script>alert(1)</script> & so on', liker: '<b>bob</b>' });
  await mailer.send(mail);
  await mailer.send(mail);
  expect(mails).toHaveLength(2);
  for (const sent of mails) {
    expect(headersOf(sent)).toContain(`Message-ID: <${mail.id}@rookery.example>`);
    expect(headersOf(sent)).toContain('Subject: <b>bob</b> liked your post');
    expect(headersOf(sent)).toContain('To: Ada <ada@example.com>');
    expect(sent).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on');
    expect(sent).toContain('<strong>&lt;b&gt;bob&lt;/b&gt;</strong>');
  }
});

test.each([
  ['a name', { name: 'Ada\r\nBcc: eve@example.com' }],
  ['a liker', { liker: 'bob\r\nBcc: eve@example.com\r\n\r\nText' }],
  ['a liker with other line ends', { liker: 'bob\u2028Bcc: eve@example.com\u0085Bcc: eve@example.com' }],
])('no header comes in through %s', async (_what, change) => {
  const { mails, mailer } = await mailServer();
  await mailer.send(digest(change));
  expect(headersOf(mails[0])).not.toMatch(/^Bcc:/im);
});

test.each([
  'ada@example.com\r\nBcc: eve@example.com',
  'ada@example.com, eve@example.com',
  '<ada@example.com>',
  'ada',
])('nothing is sent to %j', async (address) => {
  const { mails, mailer } = await mailServer();
  await expect(mailer.send(digest({ address }))).rejects.toBeInstanceOf(PermanentError);
  expect(mails).toEqual([]);
});

test('a refusal for good is permanent, one for now is not, and neither tells the address', async () => {
  for (const [answer, permanent] of [
    ['550 No such mailbox ada@example.com', true],
    ['451 Try again later ada@example.com', false],
  ] as const) {
    const { mailer } = await mailServer(answer);
    const failure: unknown = await mailer.send(digest()).catch((reason: unknown) => reason);
    expect(failure instanceof PermanentError).toBe(permanent);
    expect(String(failure)).toContain(answer.slice(0, 3));
    expect(String(failure)).not.toContain('ada@example.com');
  }
});

test('a mail server that is away may be back', async () => {
  const mailer = openMailer(runtime, {
    SMTP_HOST: '127.0.0.1',
    SMTP_PORT: 1,
    MAIL_FROM: 'x@rookery.example',
  });
  const failure: unknown = await mailer.send(digest()).catch((reason: unknown) => reason);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).not.toBeInstanceOf(PermanentError);
});
