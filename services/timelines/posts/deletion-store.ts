import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { PostCreate } from '#contracts/jobs/posts';
import { outbox } from '#kit/messaging/tables';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { bookmarks, postHashtags, postMentions, posts } from '../schema';
import { isPlainRepost } from './reposts';
import { type CountColumn, isCounted, type PostVisibility } from './write-store';

/** A post with the posts whose counts it is part of. */
export interface PostRef {
  readonly id: string;
  readonly authorId: string;
  readonly replyTo: string | null;
  readonly repostOf: string | null;
  readonly text: string;
  readonly pollId: string | null;
  readonly mediaIds: readonly string[];
  readonly visibility: PostVisibility;
}

/**
 * Clears the content of a post, keeps its row, and decrements the counts of the posts it refers to.
 *
 * @returns false when it was deleted before
 */
export async function markDeleted(transaction: Transaction, post: PostRef): Promise<boolean> {
  const [result] = await transaction
    .update(posts)
    .set({
      text: '',
      mediaIds: [],
      hashtags: [],
      pollId: null,
      repostOf: null,
      searchTokens: '',
      deletedAt: DATABASE_NOW,
    })
    .where(and(eq(posts.id, post.id), isNull(posts.deletedAt)));
  if (result.affectedRows === 0) return false;
  await deleteAttached(transaction, [post.id]);
  if (!isCounted(post.visibility)) return true;
  await decrementCount(transaction, post.replyTo, 'repliesCount');
  await decrementCount(transaction, post.repostOf, isPlainRepost(post) ? 'repostsCount' : 'quotesCount');
  return true;
}

async function deleteAttached(transaction: Transaction, ids: readonly string[]): Promise<void> {
  await transaction.delete(postMentions).where(inArray(postMentions.postId, [...ids]));
  await transaction.delete(postHashtags).where(inArray(postHashtags.postId, [...ids]));
  await transaction.delete(bookmarks).where(inArray(bookmarks.postId, [...ids]));
}

async function decrementCount(
  transaction: Transaction,
  id: string | null,
  column: CountColumn,
): Promise<void> {
  if (id === null) return;
  await transaction
    .update(posts)
    .set({ [column]: sql`greatest(${posts[column]}, 1) - 1` })
    .where(eq(posts.id, id));
}

/** The next posts of an author, deleted ones included. */
export async function listAllPostsOf(
  database: Database,
  authorId: string,
  limit: number,
): Promise<PostRef[]> {
  return database
    .select({
      id: posts.id,
      authorId: posts.authorId,
      replyTo: posts.replyTo,
      repostOf: posts.repostOf,
      text: posts.text,
      pollId: posts.pollId,
      mediaIds: posts.mediaIds,
      visibility: posts.visibility,
    })
    .from(posts)
    .where(eq(posts.authorId, authorId))
    .orderBy(posts.id)
    .limit(limit);
}

/** Deletes the row of a post whose content is deleted, for an erased person. */
export async function deleteRow(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(posts).where(eq(posts.id, id));
}

export async function deleteMentionsOf(database: Database, personId: string): Promise<void> {
  await database.delete(postMentions).where(eq(postMentions.personId, personId));
}

/** Deletes the accepted posts of an erased author that no broker has received yet. Sent ones are refused. */
export async function deleteAcceptedPostsOf(database: Database, authorId: string): Promise<void> {
  await database
    .delete(outbox)
    .where(
      and(
        isNull(outbox.sentAt),
        eq(outbox.name, PostCreate.name),
        sql`json_value(${outbox.payload}, '$.data.author_id') = ${authorId}`,
      ),
    );
}
