import { and, asc, desc, eq, gt, isNull, lt, lte, sql } from 'drizzle-orm';
import { firstIdAt, timeOfId } from '#kit/core/ids';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { posts, streamAuthors, streamEntries, streamHead } from '../schema';

/** Far more than a reconnecting reader is sent. */
const RETAINED_ENTRIES = 10_000;
const TRIM_EVERY_ENTRIES = 1_000;

export type StreamEntry = typeof streamEntries.$inferSelect;

/**
 * Assigns the next position to a post, and before it to those that its author wrote earlier and whose events have been
 * overtaken: events of one author are handled concurrently, and by several instances. Idempotent.
 */
export async function appendPost(database: Database, post: { id: string; authorId: string }): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [head] = await transaction.select().from(streamHead).for('update');
    if (head === undefined) throw new Error('the table stream_head has no row');
    let { position } = head;
    for (const postId of await listOvertaken(transaction, post)) {
      const entry = { position: position + 1, postId };
      const [inserted] = await transaction.insert(streamEntries).ignore().values(entry);
      if (inserted.affectedRows > 0) position++;
    }
    if (position === head.position) return;
    await transaction.update(streamHead).set({ position });
    await transaction
      .insert(streamAuthors)
      .values({ authorId: post.authorId, postId: post.id })
      .onDuplicateKeyUpdate({
        set: { postId: sql`greatest(${streamAuthors.postId}, values(${streamAuthors.postId}))` },
      });
    if (Math.floor(position / TRIM_EVERY_ENTRIES) > Math.floor(head.position / TRIM_EVERY_ENTRIES))
      await transaction.delete(streamEntries).where(lte(streamEntries.position, position - RETAINED_ENTRIES));
  });
}

/** An author without a streamed post may have written a few within this time; older ones were streamed and trimmed. */
const FIRST_POSTS_MS = 60_000;
const MAX_OVERTAKEN = 100;

/**
 * A post and those of its author between the newest in the stream and it, in the order of their ids. They are committed:
 * a client that waits for the response to one post before it sends the next gets them in this order.
 */
async function listOvertaken(
  transaction: Transaction,
  { id, authorId }: { id: string; authorId: string },
): Promise<string[]> {
  const [newest] = await transaction
    .select({ postId: streamAuthors.postId })
    .from(streamAuthors)
    .where(eq(streamAuthors.authorId, authorId));
  const after = newest?.postId ?? firstIdAt(new Date(timeOfId(id).getTime() - FIRST_POSTS_MS));
  const earlier = await transaction
    .select({ id: posts.id })
    .from(posts)
    .where(and(eq(posts.authorId, authorId), gt(posts.id, after), lt(posts.id, id), isNull(posts.deletedAt)))
    .orderBy(desc(posts.id))
    .limit(MAX_OVERTAKEN);
  return [...earlier.map((row) => row.id).reverse(), id];
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
