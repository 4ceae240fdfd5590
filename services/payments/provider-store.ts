import { eq, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { providerCharges, providerRefunds } from './schema';

export type ChargeRow = typeof providerCharges.$inferSelect;
export type ProviderRefundRow = typeof providerRefunds.$inferSelect;

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
  executor: Executor,
  key: string,
  from: ChargeRow['state'],
  to: ChargeRow['state'],
): Promise<ChargeRow | undefined> {
  await executor
    .update(providerCharges)
    .set({ state: to })
    .where(sql`${eq(providerCharges.idempotencyKey, key)} and ${providerCharges.state} = ${from}`);
  return findCharge(executor, key);
}

export async function lockCharge(transaction: Transaction, key: string): Promise<ChargeRow | undefined> {
  const [row] = await transaction
    .select()
    .from(providerCharges)
    .where(eq(providerCharges.idempotencyKey, key))
    .for('update');
  return row;
}

export async function findProviderRefund(
  transaction: Transaction,
  refundKey: string,
): Promise<ProviderRefundRow | undefined> {
  const [row] = await transaction
    .select()
    .from(providerRefunds)
    .where(eq(providerRefunds.refundKey, refundKey));
  return row;
}

/** The charge must be locked. */
export const listProviderRefunds = (
  transaction: Transaction,
  chargeKey: string,
): Promise<ProviderRefundRow[]> =>
  transaction.select().from(providerRefunds).where(eq(providerRefunds.chargeKey, chargeKey));

export async function insertProviderRefund(
  transaction: Transaction,
  row: Omit<ProviderRefundRow, 'createdAt'>,
): Promise<void> {
  await transaction.insert(providerRefunds).values(row);
}
