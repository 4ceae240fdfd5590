import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import { isUuid, uuidv7 } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { accounts, entries, erasedPeople, transfers } from './schema';

export type AccountRow = typeof accounts.$inferSelect;
export type TransferRow = typeof transfers.$inferSelect;

/** Owner of the world accounts, the counterparties of deposits and withdrawals (`@world` in Formance's ledger). */
export const WORLD = '00000000-0000-0000-0000-000000000000';

export async function findAccount(executor: Executor, id: string): Promise<AccountRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(accounts).where(eq(accounts.id, id));
  return row;
}

export async function findAccountOf(
  executor: Executor,
  ownerId: string,
  currency: string,
): Promise<AccountRow | undefined> {
  const [row] = await executor
    .select()
    .from(accounts)
    .where(and(eq(accounts.ownerId, ownerId), eq(accounts.currency, currency)));
  return row;
}

/** The accounts of a user, one per currency. */
export const listAccountsOf = (executor: Executor, ownerId: string): Promise<AccountRow[]> =>
  executor.select().from(accounts).where(eq(accounts.ownerId, ownerId)).orderBy(asc(accounts.id));

/** Inserts an account unless it exists. The world account has no overdraft limit. */
export async function insertAccount(executor: Executor, ownerId: string, currency: string): Promise<void> {
  await executor
    .insert(accounts)
    .values({ id: uuidv7(), ownerId, currency, overdraftLimit: ownerId === WORLD ? null : 0n })
    .onDuplicateKeyUpdate({ set: { id: sql`${accounts.id}` } });
}

/** Locks accounts in id order, so that concurrent transfers do not deadlock. */
export async function lockAccounts(
  transaction: Transaction,
  ids: readonly string[],
): Promise<Map<string, AccountRow>> {
  const rows = await transaction
    .select()
    .from(accounts)
    .where(inArray(accounts.id, [...ids]))
    .orderBy(asc(accounts.id))
    .for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

/** The account must be locked. */
export async function updateBalances(transaction: Transaction, account: AccountRow): Promise<void> {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = account;
  await transaction
    .update(accounts)
    .set({
      debitsPosted,
      creditsPosted,
      debitsPending,
      creditsPending,
      version: sql`${accounts.version} + 1`,
    })
    .where(eq(accounts.id, account.id));
}

export async function insertTransfer(
  transaction: Transaction,
  row: Omit<typeof transfers.$inferInsert, 'createdAt' | 'expiresAt' | 'settledAt'>,
  expiresInSeconds: number | undefined,
): Promise<void> {
  await transaction.insert(transfers).values({
    ...row,
    settledAt: row.state === 'posted' ? DATABASE_NOW : null,
    expiresAt:
      expiresInSeconds === undefined ? null : sql`${DATABASE_NOW} + interval ${expiresInSeconds} second`,
  });
}

export async function insertEntries(
  transaction: Transaction,
  rows: readonly Pick<typeof entries.$inferInsert, 'accountId' | 'transferId' | 'amount' | 'balanceAfter'>[],
): Promise<void> {
  await transaction.insert(entries).values([...rows]);
}

export async function findTransfer(executor: Executor, id: string): Promise<TransferRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(transfers).where(eq(transfers.id, id));
  return row;
}

export async function findByExternalId(
  executor: Executor,
  externalId: string,
): Promise<TransferRow | undefined> {
  const [row] = await executor.select().from(transfers).where(eq(transfers.externalId, externalId));
  return row;
}

/**
 * The minor units that the reversals of a transfer have moved back. The accounts must be locked, and nothing read in the
 * transaction before: its snapshot is taken here. Not a locking read, whose gap locks would make other reversals deadlock.
 */
export async function sumReversalsOf(transaction: Transaction, transferId: string): Promise<bigint> {
  const rows = await transaction
    .select({ amount: transfers.amount })
    .from(transfers)
    .where(eq(transfers.reverses, transferId));
  return rows.reduce((sum, row) => sum + row.amount, 0n);
}

/** Locks a transfer; its accounts must be locked first. `expired` is by the database clock. */
export async function lockTransfer(
  transaction: Transaction,
  id: string,
): Promise<{ transfer: TransferRow; expired: boolean } | undefined> {
  const [row] = await transaction
    .select({
      transfer: transfers,
      expired: sql<number>`coalesce(${transfers.expiresAt} <= ${DATABASE_NOW}, 0)`,
    })
    .from(transfers)
    .where(eq(transfers.id, id))
    .for('update');
  return row && { transfer: row.transfer, expired: Number(row.expired) === 1 };
}

export async function settleTransfer(
  transaction: Transaction,
  id: string,
  state: 'posted' | 'voided' | 'expired',
): Promise<void> {
  await transaction.update(transfers).set({ state, settledAt: DATABASE_NOW }).where(eq(transfers.id, id));
}

export async function listExpired(database: Database, limit: number): Promise<string[]> {
  const rows = await database
    .select({ id: transfers.id })
    .from(transfers)
    .where(and(eq(transfers.state, 'pending'), sql`${transfers.expiresAt} <= ${DATABASE_NOW}`))
    .limit(limit);
  return rows.map((row) => row.id);
}

export type EntryRow = Awaited<ReturnType<typeof listEntries>>[number];

/** Entries of an account with their transfers, newest first. */
export async function listEntries(
  database: Database,
  request: { accountId: string; beforeId: string | null; limit: number },
) {
  const { accountId, beforeId, limit } = request;
  return database
    .select({ entry: entries, transfer: transfers })
    .from(entries)
    .innerJoin(transfers, eq(transfers.id, entries.transferId))
    .where(
      and(eq(entries.accountId, accountId), beforeId === null ? undefined : lt(entries.id, Number(beforeId))),
    )
    .orderBy(desc(entries.id))
    .limit(limit);
}

export async function isErased(executor: Executor, userId: string): Promise<boolean> {
  const rows = await executor.select().from(erasedPeople).where(eq(erasedPeople.userId, userId));
  return rows.length > 0;
}

/** Closes the accounts of an erased user and anonymizes them; the ledger itself is unchanged. */
export async function eraseOwner(transaction: Transaction, userId: string): Promise<void> {
  await transaction.insert(erasedPeople).ignore().values({ userId });
  const owned = await transaction
    .select({ id: accounts.id })
    .from(accounts)
    .where(eq(accounts.ownerId, userId))
    .for('update');
  const ids = owned.map((row) => row.id);
  if (ids.length === 0) return;
  await transaction
    .update(accounts)
    .set({ ownerId: null, closedAt: DATABASE_NOW })
    .where(and(inArray(accounts.id, ids), isNull(accounts.closedAt)));
  await transaction
    .update(transfers)
    .set({ description: '' })
    .where(or(inArray(transfers.senderId, ids), inArray(transfers.receiverId, ids)));
}
