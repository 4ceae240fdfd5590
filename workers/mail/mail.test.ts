import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import type { Static } from '@sinclair/typebox';
import { InvoicePaid } from '#contracts/events/billing';
import { MailRequested } from '#contracts/events/mail';
import { type EventDefinition, envelope } from '#contracts/messages';
import { Problem } from '#kit/errors/problem';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import { eventually } from '../../tests/support/eventually';
import { isolated, startMail } from '../../tests/support/mail';
import { startMailServer } from '../../tests/support/mail-server';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { mailWorker } from '.';
import { openSmtp } from './smtp';

const service = await startMail();
const server = await startMailServer();
afterEach(() => {
  server.manner = 'takes';
});
afterAll(async () => {
  await service.close();
  await server.close();
});

const newId = () => Bun.randomUUIDv7();
const context = { requestId: 'request-1', actor: null };
const people = new Map([
  [newId(), { email: 'ada@example.com', display_name: 'Ada\r\nBcc: eve@example.com', locale: 'en' }],
]);
const [ada = ''] = people.keys();

/** A worker with a queue of its own, and functions to publish to it. */
function startWorker(smtpPort = server.port, smtpHost = '127.0.0.1') {
  const runtime = testRuntime('mail-worker');
  const name = uniqueName('mail-worker');
  const worker = mailWorker({
    mail: service.client,
    users: {
      async getContact({ user_id }) {
        const contact = people.get(user_id);
        if (contact === undefined) throw new Problem('user.not-found', 404, 'User not found');
        return contact;
      },
    },
    smtp: openSmtp(runtime, {
      host: smtpHost,
      port: smtpPort,
      secure: false,
      user: undefined,
      password: undefined,
      from: 'Rookery <no-reply@rookery.test>',
    }),
  });
  const events = worker.source.events.map((event) => isolated(event, name));
  consumeEvents(runtime, service.rabbit, {
    consumer: name,
    events,
    prefetch: worker.concurrency,
    handle: worker.handle,
    retryDelaysMs: [50, 200, 1_000],
    maxAttempts: 30,
  });
  return {
    close: () => runtime.close(),
    async publish<Definition extends EventDefinition>(event: Definition, data: Static<Definition['data']>) {
      const message = envelope(event, data, context);
      await this.publishAgain(event, message);
      return message;
    },
    async publishAgain(event: EventDefinition, message: { id: string }) {
      await service.rabbit.publish(isolated(event, name), {
        id: newId(),
        body: Buffer.from(JSON.stringify(message)),
      });
    },
    waiting: async (queue = name) =>
      (await (await channel()).checkQueue(queue).catch(() => ({ messageCount: 0 }))).messageCount,
    async parkedReason() {
      const message = await (await channel()).get(parkedQueue(name), { noAck: true });
      return message === false ? undefined : String(message.properties.headers?.['x-parked-reason']);
    },
  };
}

const inspection = service.rabbit.openChannel('inspection', async () => undefined);
const channel = async () => (await inspection.opened()).channel;
afterAll(() => inspection.close());

const digest = (to: Static<typeof MailRequested.data>['to'], event_id = newId()) => ({
  to,
  event_id,
  content: {
    template: 'likes-digest' as const,
    values: {
      posts: [
        { excerpt: 'Hello', link: 'https://rookery.test/1', likers: ['alice', 'bob'], others_count: 7 },
      ],
    },
  },
});
const invoice = (invoice_id = newId()) => ({
  invoice_id,
  number: '2026-17',
  user_id: ada,
  amount: '12.50',
  currency: 'EUR',
  lines: [{ description: 'Stickers', amount: '12.50' }],
  paid_at: '2026-11-20T09:15:01.000Z',
});
const mailsTo = (address: string) => server.mails.filter((mail) => mail.to?.[0]?.address === address);
const someAddress = () => `${newId()}@example.com`;
const recordOf = async (to: string) => {
  const { body } = await service.call('GET', `/mails?to=${to}`, { authorization: service.operator });
  return (
    body.items as { id: string; name: string; status: string; reason: string | null; attempts: number }[]
  )[0];
};

describe('the mail worker', () => {
  const worker = startWorker();
  afterAll(worker.close);

  test('sends a paid invoice as HTML and text', async () => {
    const catcher = startWorker(Number(serverVariable('SMTP_PORT')), serverVariable('SMTP_HOST'));
    const paid = invoice();
    await catcher.publish(InvoicePaid, { ...paid, number: paid.invoice_id });
    await eventually(async () => {
      const inbox = await (await fetch(`${serverVariable('MAIL_INBOX_URL')}/email`)).json();
      const caught = inbox.find((mail: { subject: string }) => mail.subject.includes(paid.invoice_id));
      if (caught === undefined) return false;
      expect(caught.to[0].address).toBe('ada@example.com');
      expect(caught.from[0]).toEqual({ address: 'no-reply@rookery.test', name: 'Rookery' });
      expect(caught.html).toContain('€12.50');
      expect(caught.text).toContain('Stickers');
      expect(caught.headers['list-unsubscribe']).toBeUndefined();
      return true;
    });
    await catcher.close();
  });

  test('sends one mail for a message that is delivered five times concurrently, and again later', async () => {
    const address = someAddress();
    const request = digest({ address, name: 'Bob' });
    const message = envelope(MailRequested, request, context);
    await Promise.all(Array.from({ length: 5 }, () => worker.publishAgain(MailRequested, message)));
    await eventually(async () => (await recordOf(address))?.status === 'sent');
    await worker.publish(MailRequested, request);
    await worker.publish(MailRequested, digest({ address: `end-of-${address}` }));
    await eventually(() => mailsTo(`end-of-${address}`).length === 1);
    expect(mailsTo(address)).toHaveLength(1);
    const [mail] = mailsTo(address);
    expect(mail?.subject).toBe('alice, bob and 7 others liked your post');
    expect(mail?.html).toContain('alice, bob and 7 others');
    expect(mail?.text).toContain('alice, bob and 7 others');
    expect(mail?.messageId).toBe(`<${(await recordOf(address))?.id}@rookery.test>`);
    const headers = new Map(mail?.headers.map(({ key, value }) => [key, value]));
    expect(headers.get('list-unsubscribe')).toMatch(
      /^<http:\/\/rookery\.test\/mails\/unsubscribe\?token=\S+>$/,
    );
    expect(headers.get('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
    expect(headers.get('auto-submitted')).toBe('auto-generated');
  });

  test('shows no word of whoever registered the address, in no header and no body', async () => {
    const user = newId();
    const display_name = 'Click https://evil.example NOW\r\nBcc: eve@example.com';
    people.set(user, { email: `${user}@example.com`, display_name, locale: 'en' });
    await worker.publish(InvoicePaid, { ...invoice(), user_id: user });
    await worker.publish(MailRequested, digest({ user_id: user }));
    await eventually(() => mailsTo(`${user}@example.com`).length === 2);
    for (const mail of mailsTo(`${user}@example.com`)) {
      expect([mail.bcc, mail.cc, mail.to]).toEqual([
        undefined,
        undefined,
        [{ address: `${user}@example.com`, name: '' }],
      ]);
      expect(mail.from).toEqual({ address: 'no-reply@rookery.test', name: 'Rookery' });
      expect(JSON.stringify([mail.headers, mail.html, mail.text])).not.toMatch(/evil|Click https|eve@/);
    }
  });

  test('retries what the server defers, with the same Message-ID', async () => {
    const address = someAddress();
    server.manner = 450;
    await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => ((await recordOf(address))?.attempts ?? 0) >= 2);
    expect((await recordOf(address))?.reason ?? '').toContain('450');
    server.manner = 'takes';
    await eventually(async () => (await recordOf(address))?.status === 'sent');
    expect(mailsTo(address).map((mail) => mail.messageId)).toEqual([
      `<${(await recordOf(address))?.id}@rookery.test>`,
    ]);
  });

  test('parks what the server refuses for good, also when it is delivered again', async () => {
    const address = someAddress();
    server.manner = { code: 554, text: '5.3.4 message too big' };
    const message = await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => (await recordOf(address))?.status === 'failed');
    expect(await recordOf(address)).toMatchObject({
      attempts: 1,
      reason: 'the mail server refused the mail: 554 5.3.4',
    });
    server.manner = 'takes';
    const reasons: string[] = [];
    await eventually(async () => {
      const reason = await worker.parkedReason();
      if (reason !== undefined) reasons.push(reason);
      if (reasons.length === 1 && reason !== undefined) await worker.publishAgain(MailRequested, message);
      return reasons.length === 2;
    });
    expect(reasons).toEqual([
      'PermanentError: the mail server refused the mail: 554 5.3.4',
      'PermanentError: the mail server refused the mail before',
    ]);
    expect(mailsTo(address)).toEqual([]);
  });

  test('records a refused recipient as bounced, once, and parks nothing', async () => {
    const address = someAddress();
    server.manner = 550;
    const message = await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => (await recordOf(address))?.status === 'bounced');
    server.manner = 'takes';
    await worker.publishAgain(MailRequested, message);
    const after = someAddress();
    await worker.publish(MailRequested, digest({ address: after }));
    await eventually(() => mailsTo(after).length === 1);
    expect(await recordOf(address)).toMatchObject({
      status: 'bounced',
      attempts: 1,
      reason: 'the mail server refused the recipient: 550 5.1.1',
    });
    expect(mailsTo(address)).toEqual([]);
    expect(await worker.parkedReason()).toBeUndefined();
  });

  test('retries when the server does not relay for us, and blames no address', async () => {
    const address = someAddress();
    server.manner = { code: 550, text: '5.7.1 relay access denied' };
    await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => ((await recordOf(address))?.attempts ?? 0) >= 2);
    expect((await recordOf(address))?.reason).toBe('the mail server refuses to send for us: 550 5.7.1');
    server.manner = 'takes';
    await eventually(async () => (await recordOf(address))?.status === 'sent');
  });

  test('writes no more to an address that bounces, except what somebody there has asked for', async () => {
    const address = someAddress();
    const statuses = async () => {
      const { body } = await service.call('GET', `/mails?to=${address}`, { authorization: service.operator });
      return (body.items as { status: string }[]).map(({ status }) => status);
    };
    server.manner = 550;
    for (let bounced = 1; bounced <= 3; bounced++) {
      await worker.publish(MailRequested, digest({ address }));
      await eventually(
        async () => (await statuses()).filter((status) => status === 'bounced').length === bounced,
      );
    }
    server.manner = 'takes';
    await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => (await statuses())[0] === 'suppressed');
    const values = { link: 'https://rookery.test/reset', expires_at: '2026-11-20T10:00:00.000Z' };
    await worker.publish(MailRequested, { to: { address }, content: { template: 'password-reset', values } });
    await eventually(async () => (await statuses())[0] === 'sent');
    await worker.publish(MailRequested, digest({ address }));
    await eventually(() => mailsTo(address).length === 2);
  });

  test('records a recipient that no server can take as failed, with the reason, and parks nothing', async () => {
    const user = newId();
    people.set(user, { email: 'jose..x@exa mple', display_name: 'Jose', locale: 'en' });
    const message = await worker.publish(MailRequested, digest({ user_id: user }));
    await worker.publishAgain(MailRequested, message);
    await eventually(async () => (await recordOf(user))?.status === 'failed');
    expect(await recordOf(user)).toMatchObject({
      attempts: 1,
      reason: 'the address is not one that mail can be delivered to',
    });
    const after = someAddress();
    await worker.publish(MailRequested, digest({ address: after }));
    await eventually(() => mailsTo(after).length === 1);
    expect(await worker.parkedReason()).toBeUndefined();
  });

  test('sends to internationalized domains in ASCII, and records whole graphemes of long names', async () => {
    const user = newId();
    const name = '👨‍👩‍👧‍👦'.repeat(40);
    people.set(user, { email: `${user}@münchen.example`, display_name: name, locale: 'en' });
    await worker.publish(MailRequested, {
      to: { user_id: user },
      event_id: newId(),
      content: {
        template: 'notification',
        values: { title: 'é =?utf-8?B?SGVsbG8=?=', notifications_count: 3, text: 'Hello' },
      },
    });
    const address = `${user}@xn--mnchen-3ya.example`;
    await eventually(() => mailsTo(address).length === 1);
    const [mail] = mailsTo(address);
    expect(mail?.subject).toBe('3 new notifications');
    expect(mail?.text).toContain('é =?utf-8?B?SGVsbG8=?=');
    await eventually(async () => (await recordOf(user))?.status === 'sent');
    expect((await recordOf(user))?.name).toBe(`${'👨‍👩‍👧‍👦'.repeat(18)}…`);
  });

  test('sends the verification to an unverified address, and records all else as suppressed', async () => {
    const [user, address] = [newId(), someAddress()];
    people.set(user, { email: address, display_name: 'Eve', locale: 'en' });
    service.deps.mailsUnverified = false;
    try {
      const values = { link: 'https://rookery.test/v?token=t', expires_at: '2026-11-20T10:00:00.000Z' };
      await worker.publish(MailRequested, digest({ user_id: user }));
      await worker.publish(InvoicePaid, { ...invoice(), user_id: user });
      const reset = { template: 'password-reset' as const, values };
      await worker.publish(MailRequested, { to: { address }, content: reset, about_user_id: user });
      const verification = { template: 'email-verification' as const, values };
      await worker.publish(MailRequested, { to: { address }, content: verification, about_user_id: user });
      await eventually(async () => {
        const { body } = await service.call('GET', `/mails?to=${user}`, { authorization: service.operator });
        const mails = body.items as { template: string; status: string; reason: string | null }[];
        const reason = 'the address is not verified';
        expect(mails.map((mail) => [mail.template, mail.status, mail.reason]).toSorted()).toEqual([
          ['email-verification', 'sent', null],
          ['invoice-paid', 'suppressed', reason],
          ['likes-digest', 'suppressed', reason],
          ['password-reset', 'suppressed', reason],
        ]);
      });
      expect(mailsTo(address).map(({ subject }) => subject)).toEqual(['Confirm your email address']);
      service.verified.add(address);
      await worker.publish(MailRequested, digest({ user_id: user }));
      await eventually(() => mailsTo(address).length === 2);
      const headers = mailsTo(address).map(
        ({ headers }) => new Map(headers.map((one) => [one.key, one.value])),
      );
      expect(headers.map((one) => one.has('list-unsubscribe'))).toEqual([false, true]);
      expect(headers.map((one) => one.has('list-unsubscribe-post'))).toEqual([false, true]);
    } finally {
      service.deps.mailsUnverified = true;
    }
  });

  test('sends nothing to an erased user', async () => {
    await worker.publish(MailRequested, digest({ user_id: newId() }));
    const after = someAddress();
    await worker.publish(MailRequested, digest({ address: after }));
    await eventually(() => mailsTo(after).length === 1);
    expect(await worker.parkedReason()).toBeUndefined();
  });
});

describe('while the mail server is unavailable', () => {
  test('mail is queued, and delivered after it recovers', async () => {
    const stopped = await startMailServer();
    await stopped.close();
    const worker = startWorker(stopped.port);
    const address = someAddress();
    await worker.publish(MailRequested, digest({ address }));
    await eventually(async () => ((await recordOf(address))?.attempts ?? 0) >= 2);
    const recovered = await startMailServer({ port: stopped.port });
    await eventually(() => recovered.mails.length === 1);
    await eventually(async () => (await recordOf(address))?.status === 'sent');
    await worker.close();
    await recovered.close();
  });
});
