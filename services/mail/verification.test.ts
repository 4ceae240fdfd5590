import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { Decision, Outcome } from '#contracts/gen/mail/v1/mail';
import { DependencyUnavailable } from '#kit/errors/problem';
import { startMail } from '../../tests/support/mail';
import { oldDatabase } from '../../tests/support/old-database';
import { deleteOldCounts } from './daily-counts-store';
import { dailyCounts } from './schema';

const { call, client, close, database, deps, operator, runtime, verified } = await startMail();
afterAll(close);

const { mailsUnverified, dailyLimits, users } = deps;
afterEach(() => {
  Object.assign(deps, { mailsUnverified, dailyLimits, users });
});

const newId = () => Bun.randomUUIDv7();
const someAddress = () => `${newId()}@example.com`;
const request = (address: string, changed: object = {}) => ({
  event_id: newId(),
  template: 'notification',
  address,
  name: '',
  subject: 'News',
  category: 'notifications',
  ...changed,
});
const begin = (address: string, changed: object = {}) => client.beginSending(request(address, changed));
const decisionFor = async (address: string, changed: object = {}) => (await begin(address, changed)).decision;

const RESET = { template: 'password-reset', category: 'security', asked_for: true };
const VERIFICATION = { template: 'email-verification', category: 'verification', asked_for: true };
const CHANGED = { template: 'address-changed', category: 'security' };
const INVOICE = { template: 'invoice-paid', category: 'transactional' };
const LIKES = { template: 'likes-digest', category: 'likes' };
const { DECISION_SEND: SEND, DECISION_SUPPRESSED: SUPPRESSED } = Decision;

describe('where mail is sent to verified addresses only', () => {
  test('an unverified address gets its verification and nothing else, however urgent', async () => {
    deps.mailsUnverified = false;
    const address = someAddress();
    for (const mail of [{}, LIKES, INVOICE, RESET, { user_id: newId() }])
      expect(await begin(address, mail)).toMatchObject({
        decision: SUPPRESSED,
        reason: 'the address is not verified',
      });
    for (const mail of [VERIFICATION, CHANGED]) expect(await decisionFor(address, mail)).toBe(SEND);
    verified.add(address);
    for (const mail of [{}, LIKES, INVOICE, RESET]) expect(await decisionFor(address, mail)).toBe(SEND);
  });

  test('what is not sent is recorded with the reason, and counted', async () => {
    deps.mailsUnverified = false;
    const address = someAddress();
    const before = await suppressedMails('unverified', 'transactional');
    await begin(address, INVOICE);
    const { body } = await call('GET', `/mails?to=${address}`, { authorization: operator });
    expect(body.items).toMatchObject([
      { template: 'invoice-paid', status: 'suppressed', reason: 'the address is not verified', attempts: 0 },
    ]);
    expect(await suppressedMails('unverified', 'transactional')).toBe(before + 1);
  });

  test('nothing is decided while users is unavailable: the worker tries again', async () => {
    deps.mailsUnverified = false;
    deps.users = {
      checkAddress: async () => {
        throw new DependencyUnavailable();
      },
    };
    const [address, mail] = [someAddress(), { event_id: newId() }];
    await expect(begin(address, mail)).rejects.toMatchObject({ status: 503 });
    deps.users = users;
    verified.add(address);
    expect(await decisionFor(address, mail)).toBe(SEND);
  });
});

test('in development mail is sent to unverified addresses, without asking', async () => {
  for (const mail of [{}, LIKES, INVOICE, RESET, VERIFICATION])
    expect(await decisionFor(someAddress(), mail)).toBe(SEND);
});

describe('the daily limit of a mailbox', () => {
  test('is one for each kind: a flood of likes holds back neither a reset nor an invoice', async () => {
    deps.dailyLimits = { ...dailyLimits, likes: 3 };
    const address = someAddress();
    const decisions = await Promise.all(Array.from({ length: 10 }, () => decisionFor(address, LIKES)));
    expect(decisions.filter((decision) => decision === SEND)).toHaveLength(3);
    expect(await begin(address, LIKES)).toMatchObject({
      decision: SUPPRESSED,
      reason: 'the daily limit of this kind of mail is reached',
    });
    for (const mail of [RESET, INVOICE, VERIFICATION, {}])
      expect(await decisionFor(address, mail)).toBe(SEND);
  });

  test('counts a mail once, however often it is delivered or tried', async () => {
    deps.dailyLimits = { ...dailyLimits, likes: 2 };
    const address = someAddress();
    const mail = { ...LIKES, event_id: newId() };
    for (let attempt = 1; attempt <= 4; attempt++) {
      const claimed = await begin(address, mail);
      expect([claimed.decision, claimed.attempt]).toEqual([SEND, attempt]);
      expect(await decisionFor(address, mail)).toBe(Decision.DECISION_IN_PROGRESS);
      const outcome = Outcome.OUTCOME_DEFERRED;
      await client.finishSending({ mail_id: claimed.mail_id, attempt, outcome, reason: '450' });
    }
    expect([await decisionFor(address, LIKES), await decisionFor(address, LIKES)]).toEqual([
      SEND,
      SUPPRESSED,
    ]);
  });

  test('is shared by the subaddresses of a mailbox, in any case', async () => {
    deps.dailyLimits = { ...dailyLimits, verification: 2 };
    const mailbox = newId();
    const decisions = [];
    for (const address of [`${mailbox}@example.com`, `${mailbox}+1@example.com`, `${mailbox}+2@EXAMPLE.com`])
      decisions.push(await decisionFor(address, VERIFICATION));
    expect(decisions).toEqual([SEND, SEND, SUPPRESSED]);
  });

  test('leaves one mail an hour for what nobody may be cut off from', async () => {
    deps.dailyLimits = { ...dailyLimits, security: 1, verification: 1, likes: 1 };
    const address = someAddress();
    const decisions = async () => [
      await decisionFor(address, RESET),
      await decisionFor(address, VERIFICATION),
      await decisionFor(address, LIKES),
    ];
    expect(await decisions()).toEqual([SEND, SEND, SEND]);
    expect(await decisions()).toEqual([SUPPRESSED, SUPPRESSED, SUPPRESSED]);
    await database.update(dailyCounts).set({ lastAt: sql`utc_timestamp(3) - interval 61 minute` });
    expect(await decisions()).toEqual([SEND, SEND, SUPPRESSED]);
    expect(await decisions()).toEqual([SUPPRESSED, SUPPRESSED, SUPPRESSED]);
  });

  test('begins anew every day, and the counts of past days are deleted', async () => {
    deps.dailyLimits = { ...dailyLimits, likes: 1 };
    const address = someAddress();
    expect([await decisionFor(address, LIKES), await decisionFor(address, LIKES)]).toEqual([
      SEND,
      SUPPRESSED,
    ]);
    await database.update(dailyCounts).set({ day: sql`date(utc_timestamp() - interval 2 day)` });
    expect(await decisionFor(address, LIKES)).toBe(SEND);
    expect(await deleteOldCounts(database, 1_000)).toBeGreaterThan(0);
    expect(await database.$count(dailyCounts)).toBe(1);
  });
});

test('likes and notifications carry an unsubscribe link, and no other mail does', async () => {
  const linked = async (mail: object) => (await begin(someAddress(), mail)).unsubscribe_url !== undefined;
  for (const mail of [{}, LIKES]) expect(await linked(mail)).toBe(true);
  for (const mail of [RESET, VERIFICATION, CHANGED, INVOICE]) expect(await linked(mail)).toBe(false);
});

test('a mail about a user is listed, and erased, with that user', async () => {
  const [userId, address] = [newId(), someAddress()];
  await begin(address, { ...VERIFICATION, about_user_id: userId });
  const { body } = await call('GET', `/mails?to=${userId}`, { authorization: operator });
  expect(body.items).toMatchObject([{ template: 'email-verification', user_id: userId, address }]);
});

test('the database of the version before gets its counts', async () => {
  const old = await oldDatabase('mail', '0002_bounces');
  try {
    await old.migrate();
    expect(await old.database.$count(dailyCounts)).toBe(0);
  } finally {
    await old.drop();
  }
});

/** The value of the metric. */
async function suppressedMails(reason: string, category: string): Promise<number> {
  const metric = await runtime.metrics.getSingleMetric('mails_suppressed_total')?.get();
  const found = metric?.values.find(({ labels }) => labels.reason === reason && labels.category === category);
  return found?.value ?? 0;
}
