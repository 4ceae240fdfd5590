import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import type { State } from './rules';
import { paymentEvents, payments, refunds } from './schema';

export type PaymentRow = typeof payments.$inferSelect;
/** A refund with its amount, also where the row has none. */
export type RefundRow = Omit<typeof refunds.$inferSelect, 'amount'> & { readonly amount: bigint };

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
    .set({
      ...outcome,
      state,
      version: payment.version + 1,
      updatedAt: DATABASE_NOW,
      // Nothing is left to confirm.
      ...(state !== 'processing' && { clientSecret: null }),
    })
    .where(eq(payments.id, payment.id));
  await transaction
    .insert(paymentEvents)
    .values({ paymentId: payment.id, version: payment.version + 1, state });
}

/** What a provider knows the charge of a payment by. */
export type ChargeRecord = Pick<PaymentRow, 'provider' | 'providerReference' | 'clientSecret'>;

/** The payment must be locked. */
export async function recordCharge(
  transaction: Transaction,
  id: string,
  charge: ChargeRecord,
): Promise<void> {
  await transaction
    .update(payments)
    .set({ ...charge, updatedAt: DATABASE_NOW })
    .where(eq(payments.id, id));
}

export async function findPaymentByReference(
  executor: Executor,
  provider: string,
  reference: string,
): Promise<PaymentRow | undefined> {
  const [row] = await executor
    .select()
    .from(payments)
    .where(and(eq(payments.provider, provider), eq(payments.providerReference, reference)));
  return row;
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
    .where(and(eq(payments.userId, userId), beforeId === null ? undefined : lt(payments.id, beforeId)))
    .orderBy(desc(payments.id))
    .limit(limit);
}

export async function insertRefund(
  transaction: Transaction,
  row: Pick<RefundRow, 'id' | 'paymentId' | 'amount' | 'reason'>,
): Promise<void> {
  await transaction.insert(refunds).values({ ...row, state: 'pending' });
}

export async function findRefund(executor: Executor, id: string): Promise<RefundRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await selectRefunds(executor, eq(refunds.id, id));
  return row;
}

/** Oldest first. */
export const listRefunds = (executor: Executor, paymentIds: readonly string[]): Promise<RefundRow[]> =>
  paymentIds.length === 0
    ? Promise.resolve([])
    : selectRefunds(executor, inArray(refunds.paymentId, [...paymentIds]));

async function selectRefunds(executor: Executor, condition: SQL): Promise<RefundRow[]> {
  const rows = await executor
    .select({ refund: refunds, whole: payments.amount })
    .from(refunds)
    .innerJoin(payments, eq(payments.id, refunds.paymentId))
    .where(condition)
    .orderBy(refunds.id);
  return rows.map(({ refund, whole }) => ({ ...refund, amount: refund.amount ?? whole }));
}

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

/**
 * Claims payments without a change for `seconds`, and touches them: they are not claimed again for as long. One that its
 * payer has to confirm is claimed after `waitingSeconds`.
 */
export async function claimOverduePayments(
  transaction: Transaction,
  overdue: { seconds: number; waitingSeconds: number; limit: number },
): Promise<{ id: string; version: number }[]> {
  const seconds = sql`if(${payments.clientSecret} is null, ${overdue.seconds}, ${overdue.waitingSeconds})`;
  const rows = await transaction
    .select({ id: payments.id, version: payments.version })
    .from(payments)
    .where(
      and(
        inArray(payments.state, ['pending', 'processing']),
        lt(payments.updatedAt, sql`${DATABASE_NOW} - interval ${seconds} second`),
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

/** Removes the payer and their texts from all payments of an erased user, and from the refunds of these. */
export async function anonymizePayments(executor: Executor, userId: string): Promise<void> {
  const paid = executor.select({ id: payments.id }).from(payments).where(eq(payments.userId, userId));
  await executor.update(refunds).set({ reason: null }).where(inArray(refunds.paymentId, paid));
  await executor
    .update(payments)
    .set({ userId: null, description: '', clientSecret: null })
    .where(eq(payments.userId, userId));
}
