import { and, asc, eq, gt, inArray, isNull, lt, lte, sql } from 'drizzle-orm';
import { firstIdAt, timeOfId } from '#kit/core/ids';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { posts, streamAuthors, streamEntries, streamHead } from '../schema';

/** Far more than a reconnecting reader is sent. */
const RETAINED_ENTRIES = 10_000;
const TRIM_EVERY_ENTRIES = 1_000;

export type StreamEntry = typeof streamEntries.$inferSelect;

export interface StreamedPost {
  readonly id: string;
  readonly authorId: string;
}

/**
 * Assigns the next positions to posts, in the order of their ids, and among them to those that their authors wrote earlier
 * and whose events have been overtaken: events of one author are handled concurrently, and by several instances. Idempotent.
 */
export async function appendPosts(database: Database, batch: readonly StreamedPost[]): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [head] = await transaction.select().from(streamHead).for('update');
    if (head === undefined) throw new Error('the table stream_head has no row');
    const listed = await listWithOvertaken(transaction, newestByAuthor(batch));
    const missing = await withoutStreamed(transaction, [...batch.map(({ id }) => id), ...listed]);
    if (missing.length === 0) return;
    await transaction
      .insert(streamEntries)
      .values(missing.map((postId, index) => ({ position: head.position + index + 1, postId })));
    const position = head.position + missing.length;
    await transaction.update(streamHead).set({ position });
    await transaction
      .insert(streamAuthors)
      .values([...newestByAuthor(batch)].map(([authorId, postId]) => ({ authorId, postId })))
      .onDuplicateKeyUpdate({
        set: { postId: sql`greatest(${streamAuthors.postId}, values(${streamAuthors.postId}))` },
      });
    if (Math.floor(position / TRIM_EVERY_ENTRIES) > Math.floor(head.position / TRIM_EVERY_ENTRIES))
      await transaction.delete(streamEntries).where(lte(streamEntries.position, position - RETAINED_ENTRIES));
  });
}

/** The ids among these that have no position, in their order. The lock of the head keeps others from adding them meanwhile. */
async function withoutStreamed(transaction: Transaction, ids: readonly string[]): Promise<string[]> {
  const rows = await transaction
    .select({ id: streamEntries.postId })
    .from(streamEntries)
    .where(inArray(streamEntries.postId, [...ids]));
  const streamed = new Set(rows.map((row) => row.id));
  return [...new Set(ids)]
    .filter((id) => !streamed.has(id))
    .sort((one, other) => Number(one) - Number(other));
}

function newestByAuthor(batch: readonly StreamedPost[]): Map<string, string> {
  const newest = new Map<string, string>();
  for (const { id, authorId } of batch)
    if (Number(id) > Number(newest.get(authorId) ?? 0)) newest.set(authorId, id);
  return newest;
}

/** An author without a streamed post may have written a few within this time; older ones were streamed and trimmed. */
const FIRST_POSTS_MS = 60_000;
const MAX_OVERTAKEN = 100;

/**
 * The posts of each author between their newest in the stream and one of the batch. They are committed: a client that waits
 * for the response to one post before it sends the next gets them in this order.
 *
 * @param until the newest post of each author in the batch
 */
async function listWithOvertaken(
  transaction: Transaction,
  until: ReadonlyMap<string, string>,
): Promise<string[]> {
  const streamed = await transaction
    .select()
    .from(streamAuthors)
    .where(inArray(streamAuthors.authorId, [...until.keys()]));
  const newest = new Map(streamed.map((row) => [row.authorId, row.postId]));
  const ranges = [...until].map(([authorId, id]) => {
    const after = newest.get(authorId) ?? firstIdAt(new Date(timeOfId(id).getTime() - FIRST_POSTS_MS));
    return sql`(select ${posts.id} as id from ${posts} where ${and(
      eq(posts.authorId, authorId),
      gt(posts.id, after),
      lt(posts.id, id),
      isNull(posts.deletedAt),
    )} order by ${posts.id} desc limit ${MAX_OVERTAKEN})`;
  });
  const rows = await transaction
    .select({ id: sql`id`.mapWith(posts.id) })
    .from(sql`(${sql.join(ranges, sql` union all `)}) as overtaken`);
  return rows.map((row) => row.id);
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
