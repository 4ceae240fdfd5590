import { asc, gt, lte } from 'drizzle-orm';
import { type Database, inTransaction } from '#kit/mysql/database';
import { streamEntries, streamHead } from '../schema';

/** Far more than a reconnecting reader is sent. */
const RETAINED_ENTRIES = 10_000;
const TRIM_EVERY_ENTRIES = 1_000;

export type StreamEntry = typeof streamEntries.$inferSelect;

/** Assigns the next position to a post. Idempotent. */
export async function appendEntry(database: Database, postId: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [head] = await transaction.select().from(streamHead).for('update');
    if (head === undefined) throw new Error('the table stream_head has no row');
    const position = head.position + 1;
    const [inserted] = await transaction.insert(streamEntries).ignore().values({ position, postId });
    if (inserted.affectedRows === 0) return;
    await transaction.update(streamHead).set({ position });
    if (position % TRIM_EVERY_ENTRIES === 0)
      await transaction.delete(streamEntries).where(lte(streamEntries.position, position - RETAINED_ENTRIES));
  });
}

/** The last assigned position; 0 before the first. */
export async function readHead(database: Database): Promise<number> {
  const [head] = await database.select({ position: streamHead.position }).from(streamHead);
  return head?.position ?? 0;
}

export async function listEntries(database: Database, after: number, limit: number): Promise<StreamEntry[]> {
  return database
    .select()
    .from(streamEntries)
    .where(gt(streamEntries.position, after))
    .orderBy(asc(streamEntries.position))
    .limit(limit);
}
