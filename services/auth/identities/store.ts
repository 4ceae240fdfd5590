import { and, asc, eq, gt, lt } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { foreignSignIns, identities } from '../schema';

export type IdentityRow = typeof identities.$inferSelect;
export type ForeignSignInRow = typeof foreignSignIns.$inferSelect;

export async function insertForeignSignIn(database: Database, row: ForeignSignInRow): Promise<void> {
  await database.insert(foreignSignIns).values(row);
}

export async function findForeignSignIn(
  database: Database,
  hash: string,
  now: Date,
): Promise<ForeignSignInRow | undefined> {
  const [row] = await database
    .select()
    .from(foreignSignIns)
    .where(and(eq(foreignSignIns.hash, hash), gt(foreignSignIns.expiresAt, now)));
  return row;
}

/** @returns whether it existed: of two concurrent uses one succeeds */
export async function takeForeignSignIn(executor: Pick<Database, 'delete'>, hash: string): Promise<boolean> {
  const [result] = await executor.delete(foreignSignIns).where(eq(foreignSignIns.hash, hash));
  return result.affectedRows > 0;
}

/** Deletes up to `limit` sign-ins that expired before a moment. @returns the number deleted */
export async function deleteExpiredForeignSignIns(
  database: Database,
  before: Date,
  limit: number,
): Promise<number> {
  const [result] = await database
    .delete(foreignSignIns)
    .where(lt(foreignSignIns.expiresAt, before))
    .limit(limit);
  return result.affectedRows;
}

export async function findIdentity(
  executor: Executor,
  { provider, subject }: Pick<IdentityRow, 'provider' | 'subject'>,
): Promise<IdentityRow | undefined> {
  const [row] = await executor
    .select()
    .from(identities)
    .where(and(eq(identities.provider, provider), eq(identities.subject, subject)));
  return row;
}

/** The identities of a person, by the name of the provider: one of each. */
export const listIdentities = (executor: Executor, userId: string): Promise<IdentityRow[]> =>
  executor.select().from(identities).where(eq(identities.userId, userId)).orderBy(asc(identities.provider));

/** @throws a duplicate where somebody has it */
export async function insertIdentity(transaction: Transaction, row: IdentityRow): Promise<void> {
  await transaction.insert(identities).values(row);
}

export async function touchIdentity(
  database: Database,
  { provider, subject }: Pick<IdentityRow, 'provider' | 'subject'>,
  use: Pick<IdentityRow, 'label' | 'lastUsedAt'>,
): Promise<void> {
  await database
    .update(identities)
    .set(use)
    .where(and(eq(identities.provider, provider), eq(identities.subject, subject)));
}

export async function deleteIdentity(
  transaction: Transaction,
  userId: string,
  provider: string,
): Promise<void> {
  await transaction
    .delete(identities)
    .where(and(eq(identities.userId, userId), eq(identities.provider, provider)));
}

/** Deletes what is kept about a person. The accounts at the providers can be linked by others again. */
export async function eraseIdentities(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(identities).where(eq(identities.userId, userId));
  await transaction.delete(foreignSignIns).where(eq(foreignSignIns.userId, userId));
}
