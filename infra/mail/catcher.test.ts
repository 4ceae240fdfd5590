import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { createPortChooser } from '../ports';
import { type MailCatcher, startMailCatcher } from './catcher';

const folder = mkdtempSync(join(tmpdir(), 'rookery-mail-'));
const choosePort = createPortChooser({ offset: 13_000 });
const options = { folder, smtpPort: await choosePort(11025), inboxPort: await choosePort(11080) };
const inbox = `http://127.0.0.1:${options.inboxPort}`;
let catcher: MailCatcher | undefined;

afterEach(async () => {
  await catcher?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const send = (subject: string, text = 'Hello') =>
  createTransport({ host: '127.0.0.1', port: options.smtpPort }).sendMail({
    from: 'Rookery <no-reply@rookery.example>',
    to: 'Ada <ada@example.com>',
    headers: { 'List-Unsubscribe': '<https://rookery.example/u>' },
    subject,
    text,
    html: `<p>${text}</p>`,
  });
const listed = async (path = '/email') => (await fetch(`${inbox}${path}`)).json();

test('mails are listed in order, kept over a restart, and deleted on request', async () => {
  catcher = await startMailCatcher(options);
  await send('First');
  await send('Second', 'Größe 🐦');
  await catcher.stop();
  catcher = await startMailCatcher(options);
  const [first, second] = await listed();
  expect([first.subject, second.subject, second.text.trim()]).toEqual(['First', 'Second', 'Größe 🐦']);
  expect(second).toMatchObject({
    to: [{ address: 'ada@example.com', name: 'Ada' }],
    headers: { 'list-unsubscribe': '<https://rookery.example/u>' },
    html: expect.stringContaining('<p>Größe 🐦</p>'),
  });
  expect(await listed(`/email/${second.id}`)).toEqual(second);
  expect((await fetch(`${inbox}/email/${folder}`)).status).toBe(404);
  expect((await fetch(inbox)).headers.get('content-security-policy')).toContain("default-src 'none'");
  await fetch(`${inbox}/email/all`, { method: 'DELETE' });
  expect(await listed()).toEqual([]);
  await catcher.stop();
  catcher = await startMailCatcher(options);
  expect(await listed()).toEqual([]);
});

test('a mail that is too large is refused, the next one accepted', async () => {
  catcher = await startMailCatcher(options);
  await expect(send('Large', 'x'.repeat(5 * 1024 * 1024))).rejects.toThrow('552');
  await send('Small');
  expect((await listed()).map(({ subject }: { subject: string }) => subject)).toEqual(['Small']);
});
