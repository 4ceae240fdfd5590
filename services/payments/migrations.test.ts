import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { createMysqlPool } from '#kit/mysql/database';
import { findViolations } from '../../scripts/audit/check';
import { paymentInvariants } from '../../scripts/audit/invariants';
import { oldDatabase } from '../../tests/support/old-database';
import { listPayments, listRefunds } from './store';

const storage = await oldDatabase('payments', '0000_initial');
afterAll(storage.drop);

const bytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

test('refunds of the version before are of the whole payment, and the audit holds', async () => {
  const { database } = storage;
  const [payer, refunded, refunding] = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  for (const [id, state] of [
    [refunded, 'refunded'],
    [refunding, 'succeeded'],
  ] as const) {
    const states = ['pending', 'processing', 'succeeded', 'refunded'].slice(0, state === 'refunded' ? 4 : 3);
    await database.execute(sql`insert into payments
      (id, user_id, amount, currency, description, payment_method, state, transfer_id, version)
      values (${bytes(id)}, ${bytes(payer)}, 1250, 'EUR', 'Stickers', 'pm_ok', ${state}, ${bytes(id)}, ${states.length})`);
    for (const [index, each] of states.entries())
      await database.execute(
        sql`insert into payment_events (payment_id, version, state) values (${bytes(id)}, ${index + 1}, ${each})`,
      );
    await database.execute(sql`insert into provider_charges
      (idempotency_key, payment_method, amount, currency, state, attempts)
      values (${bytes(id)}, 'pm_ok', '12.50', 'EUR', ${state}, 1)`);
  }
  for (const [payment, state] of [
    [refunded, 'failed'],
    [refunded, 'succeeded'],
    [refunding, 'pending'],
  ] as const)
    await database.execute(sql`insert into refunds (id, payment_id, state)
      values (${bytes(Bun.randomUUIDv7())}, ${bytes(payment)}, ${state})`);

  await storage.migrate();
  const rows = await listPayments(database, { userId: payer, beforeId: null, limit: 10 });
  expect(rows.map(({ id, description }) => [id, description])).toEqual([
    [refunding, 'Stickers'],
    [refunded, 'Stickers'],
  ]);
  const refunds = await listRefunds(database, [refunded, refunding]);
  expect(refunds.map(({ amount, reason, state }) => [amount, reason, state])).toEqual([
    [1_250n, null, 'failed'],
    [1_250n, null, 'succeeded'],
    [1_250n, null, 'pending'],
  ]);
  const pool = createMysqlPool(storage.address, 1);
  expect(await findViolations(pool, paymentInvariants)).toEqual([]);
  await pool.end();
});

test('payments of the version before are of the mock, and their charges are found', async () => {
  const before = await oldDatabase('payments', '0001_partial-refunds');
  const [payer, id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await before.database.execute(sql`insert into payments
    (id, user_id, amount, currency, description, payment_method, state, transfer_id, version)
    values (${bytes(id)}, ${bytes(payer)}, 1250, 'EUR', 'Seeds', 'pm_ok', 'succeeded', ${bytes(id)}, 3)`);
  for (const [index, state] of ['pending', 'processing', 'succeeded'].entries())
    await before.database.execute(
      sql`insert into payment_events (payment_id, version, state) values (${bytes(id)}, ${index + 1}, ${state})`,
    );
  await before.database.execute(sql`insert into provider_charges
    (idempotency_key, payment_method, amount, currency, state, attempts)
    values (${bytes(id)}, 'pm_ok', '12.50', 'EUR', 'succeeded', 1)`);
  await before.migrate();
  const [row] = await listPayments(before.database, { userId: payer, beforeId: null, limit: 10 });
  expect(row).toMatchObject({ provider: null, providerReference: null, clientSecret: null });
  const pool = createMysqlPool(before.address, 1);
  expect(await findViolations(pool, paymentInvariants)).toEqual([]);
  await pool.end();
  await before.drop();
});
