import { and, eq, gt, lt } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { passwordResets } from '../schema';

type PasswordReset = typeof passwordResets.$inferSelect;

export async function insertReset(transaction: Transaction, reset: PasswordReset): Promise<void> {
  await transaction.insert(passwordResets).values(reset);
}

export async function findReset(
  executor: Executor,
  hash: string,
  now: Date,
): Promise<PasswordReset | undefined> {
  const [reset] = await executor
    .select()
    .from(passwordResets)
    .where(and(eq(passwordResets.hash, hash), gt(passwordResets.expiresAt, now)));
  return reset;
}

/** Consumes a link. @returns whether it existed: of two concurrent uses one succeeds */
export async function consumeReset(transaction: Transaction, hash: string): Promise<boolean> {
  const [result] = await transaction.delete(passwordResets).where(eq(passwordResets.hash, hash));
  return result.affectedRows > 0;
}

/** Invalidates all links of a user. */
export async function deleteResets(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(passwordResets).where(eq(passwordResets.userId, userId));
}

/** Deletes up to `limit` links that expired before a moment. @returns the number deleted */
export async function deleteExpiredResets(database: Database, before: Date, limit: number): Promise<number> {
  const [result] = await database
    .delete(passwordResets)
    .where(lt(passwordResets.expiresAt, before))
    .limit(limit);
  return result.affectedRows;
}
