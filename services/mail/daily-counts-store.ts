import { and, eq, lt, sql } from 'drizzle-orm';
import type { MailCategory } from '#contracts/events/mail';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { dailyCounts } from './schema';

/** What nobody may be cut off from by mails that others cause: one an hour is sent beyond the limit. */
const ESSENTIAL: ReadonlySet<MailCategory> = new Set(['verification', 'security']);

const today = sql`date(${DATABASE_NOW})`;

/**
 * Counts a mail to a mailbox unless the day's limit of its category is reached. Days are those of UTC.
 *
 * @param mailboxHash of the mailbox's key, which all of its subaddresses share
 * @returns whether it may be sent
 */
export async function admit(
  transaction: Transaction,
  { mailboxHash, category }: { mailboxHash: Buffer; category: MailCategory },
  limit: number,
): Promise<boolean> {
  const row = and(
    eq(dailyCounts.mailboxHash, mailboxHash),
    eq(dailyCounts.category, category),
    eq(dailyCounts.day, today),
  );
  await transaction
    .insert(dailyCounts)
    .values({ mailboxHash, category, day: today, count: 0, lastAt: DATABASE_NOW })
    // Not `insert ignore`, which takes a shared lock: two transactions that then upgrade it deadlock.
    .onDuplicateKeyUpdate({ set: { count: sql`${dailyCounts.count}` } });
  const [counted] = await transaction
    .select({
      count: dailyCounts.count,
      isHourOld: sql<number>`${dailyCounts.lastAt} < ${DATABASE_NOW} - interval 1 hour`,
    })
    .from(dailyCounts)
    .where(row)
    .for('update');
  if (counted === undefined) throw new Error('a count is missing in the transaction that inserted it');
  const isReserved = ESSENTIAL.has(category) && Number(counted.isHourOld) === 1;
  if (counted.count >= limit && !isReserved) return false;
  await transaction
    .update(dailyCounts)
    .set({ count: counted.count + 1, lastAt: DATABASE_NOW })
    .where(row);
  return true;
}

/** Deletes the counts of days that have passed. @returns the number of deleted rows, at most `limit` */
export async function deleteOldCounts(database: Database, limit: number): Promise<number> {
  const [result] = await database
    .delete(dailyCounts)
    .where(lt(dailyCounts.day, sql`${today} - interval 1 day`))
    .limit(limit);
  return result.affectedRows;
}
