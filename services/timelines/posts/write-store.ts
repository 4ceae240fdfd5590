import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Transaction } from '#kit/mysql/database';
import { postHashtags, postMentions, posts } from '../schema';

export type NewPostRow = Omit<typeof posts.$inferInsert, CountColumn | 'deletedAt'>;
export type CountColumn = 'repliesCount' | 'repostsCount' | 'quotesCount';

/**
 * Inserts a post with its mentions and hashtags.
 *
 * @throws on a duplicate key when the id exists, or the author has reposted that post plainly before
 */
export async function insertPost(
  transaction: Transaction,
  post: NewPostRow,
  mentionedIds: readonly string[],
): Promise<void> {
  const { id: postId } = post;
  await transaction.insert(posts).values(post);
  if (mentionedIds.length > 0)
    await transaction.insert(postMentions).values(mentionedIds.map((personId) => ({ postId, personId })));
  if (post.hashtags.length > 0)
    await transaction.insert(postHashtags).values(post.hashtags.map((tag) => ({ tag, postId })));
}

/** @returns false when the post does not exist or is deleted */
export async function incrementCount(
  transaction: Transaction,
  id: string,
  column: CountColumn,
): Promise<boolean> {
  const [result] = await transaction
    .update(posts)
    .set({ [column]: sql`${posts[column]} + 1` })
    .where(and(eq(posts.id, id), isNull(posts.deletedAt)));
  return result.affectedRows > 0;
}
