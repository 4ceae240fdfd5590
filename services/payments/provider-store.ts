import { eq, sql } from 'drizzle-orm';
import type { Database, Executor } from '#kit/mysql/database';
import { providerCharges } from './schema';

export type ChargeRow = typeof providerCharges.$inferSelect;

export async function findCharge(executor: Executor, key: string): Promise<ChargeRow | undefined> {
  const [row] = await executor.select().from(providerCharges).where(eq(providerCharges.idempotencyKey, key));
  return row;
}

/** Inserts a charge, or counts another attempt at an existing one. @returns the charge, with the values first sent */
export async function attemptCharge(
  database: Database,
  charge: Pick<ChargeRow, 'idempotencyKey' | 'paymentMethod' | 'amount' | 'currency'>,
): Promise<ChargeRow> {
  await database
    .insert(providerCharges)
    .values({ ...charge, state: 'attempted', attempts: 1 })
    .onDuplicateKeyUpdate({ set: { attempts: sql`${providerCharges.attempts} + 1` } });
  const row = await findCharge(database, charge.idempotencyKey);
  if (row === undefined) throw new Error('charge not found after it was inserted');
  return row;
}

/** Moves a charge from one state to another; in any other state it is unchanged. @returns the charge */
export async function settleCharge(
  database: Database,
  key: string,
  from: ChargeRow['state'],
  to: ChargeRow['state'],
): Promise<ChargeRow | undefined> {
  await database
    .update(providerCharges)
    .set({ state: to })
    .where(sql`${eq(providerCharges.idempotencyKey, key)} and ${providerCharges.state} = ${from}`);
  return findCharge(database, key);
}
