import { and, asc, eq, isNull, lt } from 'drizzle-orm';
import type { Database, Transaction } from '#kit/mysql/database';
import { postHashtags, posts } from '../../schema';

/** The next posts whose index follows an earlier version of the rules; deleted ones have no text. */
export const listOutdatedTexts = (database: Database, version: number, limit: number) =>
  database
    .select({ id: posts.id, text: posts.text, hashtags: posts.hashtags })
    .from(posts)
    .where(lt(posts.textVersion, version))
    .orderBy(asc(posts.textVersion), asc(posts.id))
    .limit(limit);

/** @param index.hashtags null when they have not changed */
export async function updateTextIndex(
  transaction: Transaction,
  id: string,
  { tokens, hashtags, version }: { tokens: string; hashtags: string[] | null; version: number },
): Promise<void> {
  const [result] = await transaction
    .update(posts)
    .set({ textVersion: version, searchTokens: tokens, ...(hashtags !== null && { hashtags }) })
    .where(and(eq(posts.id, id), isNull(posts.deletedAt)));
  if (result.affectedRows === 0)
    await transaction.update(posts).set({ textVersion: version, searchTokens: '' }).where(eq(posts.id, id));
  else if (hashtags !== null) {
    await transaction.delete(postHashtags).where(eq(postHashtags.postId, id));
    if (hashtags.length > 0)
      await transaction.insert(postHashtags).values(hashtags.map((tag) => ({ tag, postId: id })));
  }
}
