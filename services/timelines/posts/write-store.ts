import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Transaction } from '#kit/mysql/database';
import { insertRows } from '#kit/mysql/insert-rows';
import { postHashtags, postMentions, posts } from '../schema';

export type NewPostRow = Omit<typeof posts.$inferInsert, CountColumn | 'deletedAt'>;
export type PostVisibility = typeof posts.$inferSelect.visibility;
export type CountColumn = 'repliesCount' | 'repostsCount' | 'quotesCount';

/** Whether a post is part of the counts of the posts it refers to. */
export const isCounted = (visibility: PostVisibility): boolean => visibility === 'public';

/** A post with the people it mentions. */
export interface InsertedPost {
  readonly row: NewPostRow;
  readonly mentionedIds: readonly string[];
}

/**
 * Inserts posts with their mentions and hashtags.
 *
 * @throws on a duplicate key when an id exists, or an author has reposted that post plainly before
 */
export async function insertPosts(
  transaction: Transaction,
  inserted: readonly InsertedPost[],
): Promise<void> {
  const mentions = inserted.flatMap(({ row, mentionedIds }) =>
    mentionedIds.map((personId) => ({ postId: row.id, personId })),
  );
  const hashtags = inserted.flatMap(({ row }) => row.hashtags.map((tag) => ({ tag, postId: row.id })));
  await insertRows(
    transaction,
    posts,
    inserted.map(({ row }) => row),
  );
  await insertRows(transaction, postMentions, mentions);
  await insertRows(transaction, postHashtags, hashtags);
}

/**
 * Counts a post that refers to another, unless only some people may see it: a count is told to everybody.
 *
 * @returns false when the other post does not exist or is deleted
 */
export async function incrementCount(
  transaction: Transaction,
  id: string,
  column: CountColumn,
  visibility: PostVisibility,
): Promise<boolean> {
  const [result] = await transaction
    .update(posts)
    .set({ [column]: sql`${posts[column]} + ${isCounted(visibility) ? 1 : 0}` })
    .where(and(eq(posts.id, id), isNull(posts.deletedAt)));
  return result.affectedRows > 0;
}
