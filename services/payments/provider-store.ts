import { eq, sql } from 'drizzle-orm';
import type { Database, Executor } from '#kit/mysql/database';
import { providerCharges } from './schema';

export type ChargeRow = typeof providerCharges.$inferSelect;

export async function findCharge(executor: Executor, key: string): Promise<ChargeRow | undefined> {
  const [row] = await executor.select().from(providerCharges).where(eq(providerCharges.idempotencyKey, key));
  return row;
}

/** Counts an attempt at a charge that is not there yet. @returns the charge, also one that was there */
export async function attemptCharge(
  database: Database,
  charge: Pick<ChargeRow, 'idempotencyKey' | 'paymentMethod' | 'amount' | 'currency'>,
): Promise<ChargeRow> {
  await database
    .insert(providerCharges)
    .values({ ...charge, state: 'attempted', attempts: 1 })
    .onDuplicateKeyUpdate({ set: { attempts: sql`${providerCharges.attempts} + 1` } });
  const row = await findCharge(database, charge.idempotencyKey);
  if (row === undefined) throw new Error('a charge is gone that was just inserted');
  return row;
}

/** Ends a charge once; what has ended stays as it is. */
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
