import { and, desc, eq, lt, lte, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { invoiceNumbers, invoices } from './schema';

export type InvoiceRow = typeof invoices.$inferSelect;

/** The next number of this year, without gaps: concurrent invoices wait for this transaction to end. */
export async function nextNumber(transaction: Transaction): Promise<string> {
  const [counted] = await transaction
    .insert(invoiceNumbers)
    .values({ year: sql`year(${DATABASE_NOW})`, last: 1 })
    .onDuplicateKeyUpdate({ set: { last: sql`${invoiceNumbers.last} + 1` } });
  if (counted.affectedRows === 0) throw new Error('no invoice number was allocated');
  const [row] = await transaction
    .select()
    .from(invoiceNumbers)
    .where(eq(invoiceNumbers.year, sql`year(${DATABASE_NOW})`));
  if (row === undefined) throw new Error('no invoice number was allocated');
  return `${row.year}-${String(row.last).padStart(6, '0')}`;
}

export async function insertInvoice(
  transaction: Transaction,
  row: Omit<typeof invoices.$inferInsert, 'createdAt'>,
): Promise<void> {
  await transaction.insert(invoices).values(row);
}

export async function findInvoice(executor: Executor, id: string): Promise<InvoiceRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(invoices).where(eq(invoices.id, id));
  return row;
}

export async function findByPayment(executor: Executor, paymentId: string): Promise<InvoiceRow | undefined> {
  const [row] = await executor.select().from(invoices).where(eq(invoices.paymentId, paymentId));
  return row;
}

export async function lockInvoice(transaction: Transaction, id: string): Promise<InvoiceRow | undefined> {
  const [row] = await transaction.select().from(invoices).where(eq(invoices.id, id)).for('update');
  return row;
}

export async function markPaid(transaction: Transaction, id: string): Promise<void> {
  await transaction.update(invoices).set({ state: 'paid', paidAt: DATABASE_NOW }).where(eq(invoices.id, id));
}

export async function markPaying(executor: Executor, id: string): Promise<void> {
  await executor.update(invoices).set({ payingSince: DATABASE_NOW }).where(eq(invoices.id, id));
}

/** Open invoices whose payment began at least this many seconds ago. */
export async function listInterrupted(
  executor: Executor,
  { seconds, limit }: { seconds: number; limit: number },
): Promise<InvoiceRow[]> {
  const isInterrupted = lte(invoices.payingSince, sql`${DATABASE_NOW} - interval ${seconds} second`);
  return executor
    .select()
    .from(invoices)
    .where(and(eq(invoices.state, 'open'), isInterrupted))
    .orderBy(invoices.payingSince)
    .limit(limit);
}

/** Records that nothing was paid, unless the payer has begun anew since. */
export async function clearPaying(
  executor: Executor,
  { id, payingSince }: Pick<InvoiceRow, 'id' | 'payingSince'>,
): Promise<void> {
  if (payingSince === null) return;
  await executor
    .update(invoices)
    .set({ payingSince: null })
    .where(and(eq(invoices.id, id), eq(invoices.payingSince, payingSince)));
}

/** Newest first. */
export async function listInvoices(
  executor: Executor,
  request: { userId: string; beforeId: string | null; limit: number },
): Promise<InvoiceRow[]> {
  const { userId, beforeId, limit } = request;
  return executor
    .select()
    .from(invoices)
    .where(and(eq(invoices.userId, userId), beforeId === null ? undefined : lt(invoices.id, beforeId)))
    .orderBy(desc(invoices.id))
    .limit(limit);
}

/** Removes an erased user from their invoices. The invoices themselves have to be retained. */
export async function anonymizeInvoices(executor: Executor, userId: string): Promise<void> {
  await executor.update(invoices).set({ userId: null }).where(eq(invoices.userId, userId));
}
