import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { MailRequested } from '#contracts/events/mail';
import { Decision, Outcome } from '#contracts/gen/mail/v1/mail';
import { parseEnvelope } from '#contracts/messages';
import { routeClaims } from '#kit/http/route-claims';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../tests/support/eventually';
import { startMail } from '../../tests/support/mail';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { mailPortability } from './portability';
import { mails } from './schema';
import { deleteMailsOfUser } from './service';
import { deleteOlderThan } from './store';

const { app, call, client, close, database, deps, operator, serviceToken, tokens } = await startMail();
afterAll(close);

const newId = () => Bun.randomUUIDv7();
const notification = (title = 'News') => ({
  template: 'notification',
  values: { title, text: 'Something happened' },
});
const queue = async (body: object) =>
  call('POST', '/mails', { body, authorization: await serviceToken('mail') });
const sendRequest = (changed: object = {}) => ({
  event_id: newId(),
  template: 'notification',
  address: `${newId()}@example.com`,
  name: 'Ada',
  subject: 'News',
  category: 'notifications',
  ...changed,
});
const statusOf = async (id: string) =>
  (await call('GET', `/mails/${id}`, { authorization: operator })).body.status;

describe('queueing a mail', () => {
  test('returns 202 with its location, and publishes a message for the worker', async () => {
    const eventId = newId();
    const queued = await queue({
      to: { address: 'Ada@example.com', name: 'Ada' },
      content: notification(),
      event_id: eventId,
    });
    expect(queued.status).toBe(202);
    expect(queued.headers.get('location')).toBe(`/mails/${queued.body.id}`);
    expect(queued.body).toMatchObject({ status: 'queued', address: 'Ada@example.com', event_id: eventId });
    const rows = await database
      .select()
      .from(outbox)
      .where(eq(outbox.aggregateId, String(queued.body.id)));
    expect(rows).toHaveLength(1);
    const [row] = rows;
    const message = parseEnvelope([MailRequested], Buffer.from(row?.payload ?? ''));
    expect(message.data).toMatchObject({ event_id: eventId, content: { template: 'notification' } });
  });

  test('for addresses that differ in an accent is another mail; composition and the form of a domain do not matter', async () => {
    const event_id = newId();
    const idOf = async (address: string) =>
      (await queue({ to: { address }, content: notification(), event_id })).body.id;
    const ids = [];
    for (const address of [
      ...['jose@example.com', 'josé@example.com', 'jose\u0301@example.com'],
      ...['a@münchen.de', 'A@xn--mnchen-3ya.de'],
    ])
      ids.push(await idOf(address));
    const [plain, accented, decomposed, unicode, ascii] = ids;
    expect(new Set([plain, accented, unicode]).size).toBe(3);
    expect([decomposed, ascii]).toEqual([accented, unicode]);
    const { body } = await call('GET', '/mails?to=jose%CC%81@example.com', { authorization: operator });
    expect((body.items as { id: string }[]).map(({ id }) => id)).toEqual([String(accented)]);
  });

  test('repeated, concurrently or later, creates one mail and one message', async () => {
    const request = { to: { address: 'bob@example.com' }, content: notification(), event_id: newId() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => queue(request)));
    answers.push(await queue({ ...request, to: { address: 'BOB@example.com' } }));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const id = String(answers[0]?.body.id);
    expect(await database.select().from(outbox).where(eq(outbox.aggregateId, id))).toHaveLength(1);
  });

  test.each([
    ['a line break in the address', { address: 'ada@example.com\r\nBcc: eve@example.com' }],
    ['two addresses', { address: 'ada@example.com,eve@example.com' }],
    ['a name with an address', { address: 'Ada <ada@example.com>' }],
    ['a line break in the name', { address: 'ada@example.com', name: 'Ada\r\nBcc: eve@example.com' }],
    ['no domain', { address: 'ada' }],
  ])('is refused with %s, which is not echoed', async (_what, to) => {
    const { status, body } = await queue({ to, content: notification() });
    expect(status).toBe(422);
    expect(JSON.stringify(body)).not.toContain('eve');
  });

  test.each([
    ['a line break in the title', notification('News\nBcc: eve@example.com')],
    ['an unknown template', { template: 'phishing', values: {} }],
    [
      'a javascript: link',
      {
        template: 'password-reset',
        values: { link: 'javascript:alert(1)', expires_at: '2026-11-20T10:15:00.000Z' },
      },
    ],
  ])('is refused with %s', async (_what, content) => {
    expect((await queue({ to: { address: 'ada@example.com' }, content })).status).toBe(422);
  });
});

describe('access control', () => {
  test('only services with a token for this audience may queue mail', async () => {
    const body = { to: { address: 'ada@example.com' }, content: notification() };
    expect((await call('POST', '/mails', { body })).status).toBe(401);
    expect((await call('POST', '/mails', { body, authorization: operator })).status).toBe(401);
    expect((await call('POST', '/mails', { body, authorization: await serviceToken('users') })).status).toBe(
      401,
    );
  });

  test('a service that is not among the callers may not, whatever its token', async () => {
    const body = { to: { address: 'ada@example.com' }, content: notification() };
    const authorization = await serviceToken('mail', 'video');
    expect((await call('POST', '/mails', { body, authorization })).status).toBe(403);
    // And learns nothing about what is wrong with its request.
    expect((await call('POST', '/mails', { body: {}, authorization })).status).toBe(403);
  });

  test('only operators may read mails', async () => {
    const user = await tokens.authorization({ id: newId(), username: 'ada' });
    for (const path of ['/mails', `/mails/${newId()}`]) {
      expect((await call('GET', path)).status).toBe(401);
      expect((await call('GET', path, { authorization: user })).status).toBe(403);
    }
    expect((await call('GET', `/mails/${newId()}`, { authorization: operator })).body.code).toBe(
      'mail.not-found',
    );
  });

  test('every route declares its access rule', () => {
    expect(
      routeClaims(app)
        .map(({ method, path, auth }) => `${method} ${path} ${auth}`)
        .toSorted(),
    ).toEqual([
      'GET /mails mails:read',
      'GET /mails/:id mails:read',
      'GET /mails/unsubscribe public',
      'POST /mails service',
      'POST /mails/unsubscribe public',
    ]);
  });
});

test('operators list the mails to an address or a user, newest first', async () => {
  const user_id = newId();
  const address = `${newId()}@example.com`;
  const ids: string[] = [];
  for (let count = 0; count < 5; count++)
    ids.unshift((await client.beginSending(sendRequest({ user_id, address }))).mail_id);
  for (const to of [user_id, address]) {
    const seen: unknown[] = [];
    let cursor: unknown = '';
    do {
      const query: string = `to=${to}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { body } = await call('GET', `/mails?${query}`, { authorization: operator });
      seen.push(...(body.items as { id: string }[]).map((item) => item.id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids);
  }
});

describe('sending', () => {
  test('of one mail is claimed by one of many concurrent workers; the others get a wait time', async () => {
    const request = sendRequest();
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.beginSending(request)));
    const sent = answers.filter(({ decision }) => decision === Decision.DECISION_SEND);
    const waiting = answers.filter(({ decision }) => decision === Decision.DECISION_IN_PROGRESS);
    expect([sent.length, waiting.length]).toEqual([1, 19]);
    expect(waiting.every(({ wait_ms }) => wait_ms > 0 && wait_ms <= deps.claimMs)).toBe(true);
    expect(new Set(answers.map(({ mail_id }) => mail_id)).size).toBe(1);
  });

  test('is not repeated after the mail was sent or permanently refused', async () => {
    for (const [outcome, decision] of [
      [Outcome.OUTCOME_SENT, Decision.DECISION_ALREADY_SENT],
      [Outcome.OUTCOME_FAILED, Decision.DECISION_FAILED],
      [Outcome.OUTCOME_BOUNCED, Decision.DECISION_BOUNCED],
    ] as const) {
      const request = sendRequest();
      const { mail_id, attempt } = await client.beginSending(request);
      const finished = await client.finishSending({ mail_id, attempt, outcome, reason: '' });
      expect(finished.recorded).toBe(true);
      expect((await client.beginSending(request)).decision).toBe(decision);
    }
  });

  test('is retried immediately when it was deferred, and when a claim has expired', async () => {
    const request = sendRequest();
    const first = await client.beginSending(request);
    await client.finishSending({
      mail_id: first.mail_id,
      attempt: first.attempt,
      outcome: Outcome.OUTCOME_DEFERRED,
      reason: '450 4.7.1',
    });
    expect(await call('GET', `/mails/${first.mail_id}`, { authorization: operator })).toMatchObject({
      body: { status: 'queued', reason: '450 4.7.1', attempts: 1 },
    });
    const second = await client.beginSending(request);
    expect([second.decision, second.attempt]).toEqual([Decision.DECISION_SEND, 2]);
    await eventually(async () => {
      const third = await client.beginSending(request);
      return third.decision === Decision.DECISION_SEND && third.attempt === 3;
    });
    const late = { mail_id: first.mail_id, attempt: 2, reason: '' };
    expect((await client.finishSending({ ...late, outcome: Outcome.OUTCOME_FAILED })).recorded).toBe(false);
    expect(await statusOf(first.mail_id)).toBe('sending');
    expect((await client.finishSending({ ...late, outcome: Outcome.OUTCOME_SENT })).recorded).toBe(true);
    expect(await statusOf(first.mail_id)).toBe('sent');
  });

  test('to a user whose address changes between two attempts is one mail', async () => {
    const user = { event_id: newId(), user_id: newId() };
    const first = await client.beginSending(sendRequest(user));
    const again = await client.beginSending(sendRequest(user));
    expect([again.mail_id, again.decision]).toEqual([first.mail_id, Decision.DECISION_IN_PROGRESS]);
  });
});

describe('unsubscribing', () => {
  const pathOf = (url: string | undefined) => (url ?? '').replace('http://rookery.test', '');

  test('by one click ends mail of that category to that address only', async () => {
    const address = `${newId()}@example.com`;
    const { unsubscribe_url } = await client.beginSending(sendRequest({ address }));
    const page = await app.handle(new Request(`http://localhost${pathOf(unsubscribe_url)}`));
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const decisionFor = async (changed: object) =>
      (await client.beginSending(sendRequest({ address, ...changed }))).decision;
    // A GET does not unsubscribe: mail scanners follow links.
    expect(await decisionFor({})).toBe(Decision.DECISION_SEND);

    const forms = [new URLSearchParams(), new FormData()];
    for (const form of forms) {
      form.set('List-Unsubscribe', 'One-Click');
      const clicked = new Request(`http://localhost${pathOf(unsubscribe_url)}`, {
        method: 'POST',
        body: form,
      });
      expect((await app.handle(clicked)).status).toBe(200);
    }
    expect(await decisionFor({})).toBe(Decision.DECISION_UNSUBSCRIBED);
    expect(await decisionFor({ address: address.toUpperCase() })).toBe(Decision.DECISION_UNSUBSCRIBED);
    expect(await decisionFor({ category: 'likes' })).toBe(Decision.DECISION_SEND);
    expect(await decisionFor({ category: 'transactional' })).toBe(Decision.DECISION_SEND);
  });

  test('is not offered for transactional mail, and not possible with a forged link', async () => {
    const transactional = await client.beginSending(sendRequest({ category: 'transactional' }));
    expect(transactional.unsubscribe_url).toBeUndefined();
    for (const method of ['GET', 'POST'])
      expect(await call(method, '/mails/unsubscribe?token=made-up')).toMatchObject({
        status: 422,
        body: { code: 'mail.unsubscribe-link-invalid' },
      });
  });
});

test('mails of an erased user and mails past their retention are deleted', async () => {
  const user_id = newId();
  const address = `${newId()}@example.com`;
  await client.beginSending(sendRequest({ user_id, address }));
  await client.beginSending(sendRequest({ address }));
  const other = await client.beginSending(sendRequest());
  await deleteMailsOfUser(deps, user_id);
  await deleteMailsOfUser(deps, user_id);
  expect(await database.select().from(mails).where(eq(mails.address, address))).toEqual([]);
  expect(await statusOf(other.mail_id)).toBe('sending');

  const [present] = await database.select().from(mails).where(eq(mails.id, other.mail_id));
  const old = new Date((present?.createdAt.getTime() ?? 0) - 91 * 24 * 60 * 60_000);
  await database.update(mails).set({ createdAt: old }).where(eq(mails.id, other.mail_id));
  expect(await deleteOlderThan(database, 90, 1_000)).toBe(1);
});

test('an export has the mails to a person, without their content', async () => {
  const userId = newId();
  const { body } = await queue({ to: { user_id: userId }, content: notification() });
  await queue({ to: { user_id: newId() }, content: notification() });
  expect(recordsIn(await exportAll(mailPortability(deps), userId))).toEqual({
    mails: [(await call('GET', `/mails/${body.id}`, { authorization: operator })).body],
  });
});
