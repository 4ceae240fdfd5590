import { and, count, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { emailVerifications, users } from '../schema';

export type Verification = typeof emailVerifications.$inferSelect;

/** Lifetime of a verification link, and the period in which requests are counted: rows are kept for both. */
export const VERIFICATION_HOURS = 24;

export async function insertVerification(
  transaction: Transaction,
  verification: Pick<Verification, 'hash' | 'userId' | 'email' | 'expiresAt'>,
): Promise<void> {
  await transaction.insert(emailVerifications).values({ ...verification, createdAt: DATABASE_NOW });
}

/** The verifications requested by a user in the last 24 hours, used ones included. */
export async function countRecent(transaction: Transaction, userId: string): Promise<number> {
  const since = sql`${DATABASE_NOW} - interval ${VERIFICATION_HOURS} hour`;
  const [row] = await transaction
    .select({ recent: count() })
    .from(emailVerifications)
    .where(and(eq(emailVerifications.userId, userId), gt(emailVerifications.createdAt, since)));
  return row?.recent ?? 0;
}

/** @returns undefined for a token that is unknown, used or expired */
export async function findVerification(executor: Executor, hash: string): Promise<Verification | undefined> {
  const [found] = await executor
    .select()
    .from(emailVerifications)
    .where(
      and(
        eq(emailVerifications.hash, hash),
        isNull(emailVerifications.consumedAt),
        gt(emailVerifications.expiresAt, DATABASE_NOW),
      ),
    );
  return found;
}

/** Consumes a link. @returns whether it was unused: of two concurrent uses one succeeds */
export async function consumeVerification(transaction: Transaction, hash: string): Promise<boolean> {
  const [result] = await transaction
    .update(emailVerifications)
    .set({ consumedAt: DATABASE_NOW })
    .where(and(eq(emailVerifications.hash, hash), isNull(emailVerifications.consumedAt)));
  return result.affectedRows > 0;
}

/** Invalidates the links of a user, to one address or to all. They stay counted. */
export async function consumeVerifications(
  transaction: Transaction,
  userId: string,
  email?: string,
): Promise<void> {
  await transaction
    .update(emailVerifications)
    .set({ consumedAt: DATABASE_NOW })
    .where(
      and(
        eq(emailVerifications.userId, userId),
        isNull(emailVerifications.consumedAt),
        email === undefined ? undefined : eq(emailVerifications.email, email),
      ),
    );
}

export async function deleteVerifications(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(emailVerifications).where(eq(emailVerifications.userId, userId));
}

/** @returns the number of deleted rows, at most `limit` */
export async function deleteExpiredVerifications(database: Database, limit: number): Promise<number> {
  const [result] = await database
    .delete(emailVerifications)
    .where(lt(emailVerifications.expiresAt, DATABASE_NOW))
    .limit(limit);
  return result.affectedRows;
}

/** Whether the address with a key is the verified address of a user. */
export async function isVerified(database: Database, key: string): Promise<boolean> {
  const verified = and(eq(users.emailKey, key), isNotNull(users.emailVerifiedAt));
  return (await database.$count(users, verified)) > 0;
}
