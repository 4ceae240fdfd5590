import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { Decision, Outcome } from '#contracts/gen/mail/v1/mail';
import { startMail } from '../../tests/support/mail';
import { oldDatabase } from '../../tests/support/old-database';
import { deleteExpiredBounces } from './bounces-store';
import { bounces, mails } from './schema';

const { call, client, close, database, operator } = await startMail();
afterAll(close);

const newId = () => Bun.randomUUIDv7();
const someAddress = () => `${newId()}@example.com`;
const begin = (address: string, changed: object = {}) =>
  client.beginSending({
    event_id: newId(),
    template: 'notification',
    address,
    name: 'Ada',
    subject: 'News',
    category: 'notifications',
    ...changed,
  });

async function attempt(address: string, outcome: Outcome): Promise<void> {
  const { mail_id, attempt, decision } = await begin(address, { asked_for: true });
  expect(decision).toBe(Decision.DECISION_SEND);
  const result = { mail_id, attempt, outcome, reason: '550 5.1.1' };
  // The response to a result may be lost: it counts once.
  for (let delivery = 0; delivery < 2; delivery++)
    expect((await client.finishSending(result)).recorded).toBe(true);
}

const decisionFor = async (address: string, changed: object = {}) => (await begin(address, changed)).decision;

describe('an address', () => {
  test('is suppressed after three bounces in a row, for every category, and is listed with the reason', async () => {
    const address = someAddress();
    for (let count = 0; count < 3; count++) {
      expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
      await attempt(address, Outcome.OUTCOME_BOUNCED);
    }
    for (const changed of [{}, { category: 'transactional' }, { address: address.toUpperCase() }])
      expect(await decisionFor(address, changed)).toBe(Decision.DECISION_SUPPRESSED);
    const { body } = await call('GET', `/mails?to=${address}`, { authorization: operator });
    expect((body.items as object[])[0]).toMatchObject({
      status: 'suppressed',
      reason: 'the last 3 mails to this address bounced',
    });
  });

  test('is written to again after what somebody there has asked for arrives', async () => {
    const address = someAddress();
    for (let count = 0; count < 3; count++) await attempt(address, Outcome.OUTCOME_BOUNCED);
    expect(await decisionFor(address)).toBe(Decision.DECISION_SUPPRESSED);
    await attempt(address, Outcome.OUTCOME_SENT);
    expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
    for (let count = 0; count < 2; count++) await attempt(address, Outcome.OUTCOME_BOUNCED);
    expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
  });

  test('is not suppressed by failures that are not about it', async () => {
    const address = someAddress();
    for (let count = 0; count < 4; count++) await attempt(address, Outcome.OUTCOME_FAILED);
    expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
  });

  test('is tried again after a month, and counted anew', async () => {
    const address = someAddress();
    for (let count = 0; count < 3; count++) await attempt(address, Outcome.OUTCOME_BOUNCED);
    await database.update(bounces).set({ lastAt: sql`now(3) - interval 31 day` });
    expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
    await attempt(address, Outcome.OUTCOME_BOUNCED);
    expect(await decisionFor(address)).toBe(Decision.DECISION_SEND);
    await database.update(bounces).set({ lastAt: sql`now(3) - interval 31 day` });
    await deleteExpiredBounces(database, 1_000);
    expect(await database.$count(bounces)).toBe(0);
  });
});

test('the mails of the version before keep their status', async () => {
  const old = await oldDatabase('mail', '0001_canonical-keys');
  try {
    await old.database.execute(sql`
      insert into mails (id, event_id, template, recipient, status, created_at)
      values (unhex(repeat('0a', 16)), unhex(repeat('0b', 16)), 'notification', 'a@example.com', 'unsubscribed', now(3))`);
    await old.migrate();
    expect(await old.database.select().from(mails)).toMatchObject([{ status: 'unsubscribed' }]);
  } finally {
    await old.drop();
  }
});
