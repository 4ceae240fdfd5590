import { and, eq, gte, lt, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { bounces } from './schema';

/**
 * An address is suppressed after this many bounces in a row. Providers suppress after one (Amazon SES, Mailgun) to two
 * (Discourse); a server that rejects everybody for an hour should cost nobody the next mail.
 */
export const MAX_BOUNCES = 3;
/** Then it is tried again: mailboxes are reopened and domains repaired. Discourse's default. */
export const SUPPRESSION_DAYS = 30;

const cutoff = sql`${DATABASE_NOW} - interval ${SUPPRESSION_DAYS} day`;

export async function countBounce(transaction: Transaction, addressHash: Buffer): Promise<void> {
  await transaction
    .insert(bounces)
    .values({ addressHash, count: 1, lastAt: DATABASE_NOW })
    // MySQL assigns from left to right: the count is decided by the time before.
    .onDuplicateKeyUpdate({
      set: { count: sql`if(${bounces.lastAt} < ${cutoff}, 1, ${bounces.count} + 1)`, lastAt: DATABASE_NOW },
    });
}

/** A delivered mail ends the row of bounces. */
export async function clearBounces(transaction: Transaction, addressHash: Buffer): Promise<void> {
  await transaction.delete(bounces).where(eq(bounces.addressHash, addressHash));
}

export async function isSuppressed(executor: Executor, addressHash: Buffer): Promise<boolean> {
  const suppressed = and(
    eq(bounces.addressHash, addressHash),
    gte(bounces.count, MAX_BOUNCES),
    gte(bounces.lastAt, cutoff),
  );
  return (await executor.$count(bounces, suppressed)) > 0;
}

/** @returns the number of deleted rows, at most `limit` */
export async function deleteExpiredBounces(database: Database, limit: number): Promise<number> {
  const [result] = await database.delete(bounces).where(lt(bounces.lastAt, cutoff)).limit(limit);
  return result.affectedRows;
}
