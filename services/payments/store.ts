import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import type { State } from './rules';
import { paymentEvents, payments, refunds } from './schema';

export type PaymentRow = typeof payments.$inferSelect;
export type RefundRow = typeof refunds.$inferSelect;

export async function insertPayment(
  transaction: Transaction,
  row: Omit<typeof payments.$inferInsert, 'state' | 'createdAt' | 'updatedAt'>,
): Promise<void> {
  await transaction.insert(payments).values({ ...row, state: 'pending' });
  await transaction.insert(paymentEvents).values({ paymentId: row.id, version: 1, state: 'pending' });
}

export async function findPayment(executor: Executor, id: string): Promise<PaymentRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(payments).where(eq(payments.id, id));
  return row;
}

export async function lockPayment(transaction: Transaction, id: string): Promise<PaymentRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await transaction.select().from(payments).where(eq(payments.id, id)).for('update');
  return row;
}

/** Updates the state of a locked payment and appends it to the payment's history. */
export async function updateState(
  transaction: Transaction,
  payment: PaymentRow,
  state: State,
  outcome: { transferId?: string; failureCode?: string },
): Promise<void> {
  await transaction
    .update(payments)
    .set({ ...outcome, state, version: payment.version + 1, updatedAt: DATABASE_NOW })
    .where(eq(payments.id, payment.id));
  await transaction
    .insert(paymentEvents)
    .values({ paymentId: payment.id, version: payment.version + 1, state });
}

/** Newest first. */
export async function listPayments(
  executor: Executor,
  request: { userId: string; beforeId: string | null; limit: number },
): Promise<PaymentRow[]> {
  const { userId, beforeId, limit } = request;
  return executor
    .select()
    .from(payments)
    .where(
      and(
        eq(payments.userId, userId),
        beforeId === null || !isUuid(beforeId) ? undefined : lt(payments.id, beforeId),
      ),
    )
    .orderBy(desc(payments.id))
    .limit(limit);
}

export async function insertRefund(transaction: Transaction, id: string, paymentId: string): Promise<void> {
  await transaction.insert(refunds).values({ id, paymentId, state: 'pending' });
}

export async function findRefund(executor: Executor, id: string): Promise<RefundRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(refunds).where(eq(refunds.id, id));
  return row;
}

/** Oldest first. */
export const listRefunds = (executor: Executor, paymentId: string): Promise<RefundRow[]> =>
  executor.select().from(refunds).where(eq(refunds.paymentId, paymentId)).orderBy(refunds.id);

export async function finishRefund(
  transaction: Transaction,
  id: string,
  outcome: { state: 'succeeded' | 'failed'; failureCode: string | null },
): Promise<void> {
  await transaction
    .update(refunds)
    .set({ ...outcome, updatedAt: DATABASE_NOW })
    .where(eq(refunds.id, id));
}

/** Claims payments without a change for `seconds`, and touches them: they are not claimed again for as long. */
export async function claimOverduePayments(
  transaction: Transaction,
  overdue: { seconds: number; limit: number },
): Promise<{ id: string; version: number }[]> {
  const rows = await transaction
    .select({ id: payments.id, version: payments.version })
    .from(payments)
    .where(
      and(
        inArray(payments.state, ['pending', 'processing']),
        lt(payments.updatedAt, sql`${DATABASE_NOW} - interval ${overdue.seconds} second`),
      ),
    )
    .limit(overdue.limit)
    .for('update', { skipLocked: true });
  if (rows.length > 0)
    await transaction
      .update(payments)
      .set({ updatedAt: DATABASE_NOW })
      .where(
        inArray(
          payments.id,
          rows.map((row) => row.id),
        ),
      );
  return rows;
}

/** Like `claimOverduePayments`. */
export async function claimOverdueRefunds(
  transaction: Transaction,
  overdue: { seconds: number; limit: number },
): Promise<string[]> {
  const rows = await transaction
    .select({ id: refunds.id })
    .from(refunds)
    .where(
      and(
        eq(refunds.state, 'pending'),
        lt(refunds.updatedAt, sql`${DATABASE_NOW} - interval ${overdue.seconds} second`),
      ),
    )
    .limit(overdue.limit)
    .for('update', { skipLocked: true });
  const ids = rows.map((row) => row.id);
  if (ids.length > 0)
    await transaction.update(refunds).set({ updatedAt: DATABASE_NOW }).where(inArray(refunds.id, ids));
  return ids;
}

/** Removes the payer and the description, which is their text, from all payments of an erased user. */
export async function anonymizePayments(executor: Executor, userId: string): Promise<void> {
  await executor.update(payments).set({ userId: null, description: '' }).where(eq(payments.userId, userId));
}
