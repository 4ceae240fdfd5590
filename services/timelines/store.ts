import { aliasedTable, and, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import { type Database, preparedOnce, type Transaction } from '#kit/mysql/database';
import { blocks, bookmarks, follows, mutes, people, postHashtags, postMentions, posts } from './schema';

export type NewPostRow = Omit<typeof posts.$inferInsert, 'repliesCount' | 'repostsCount' | 'deletedAt'>;

/** Where somebody nobody is asks: no relation has this id. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Ids asked for together. The few sizes are prepared once each; a page's ids are filled up to the next. */
const BATCH_SIZES = [1, 10, 25, 50, 101];
const LARGEST_BATCH = 101;
const NO_POST = '0';

const prepared = preparedOnce(
  (database) => new Map(BATCH_SIZES.map((size) => [size, preparePosts(database, size)])),
);

/** Posts with their authors, and how each author and the viewer stand to each other. */
function preparePosts(database: Database, size: number) {
  const blockedByViewer = aliasedTable(blocks, 'blocked_by_viewer');
  const blockedByAuthor = aliasedTable(blocks, 'blocked_by_author');
  const viewer = sql.param(sql.placeholder('viewer'), people.id);
  const ids = Array.from({ length: size }, (_, index) => sql.placeholder(`id${index}`));
  const truth = (column: typeof follows.active | typeof mutes.active | typeof blockedByViewer.active) =>
    sql`coalesce(${column}, 0)`;
  return database
    .select({
      id: posts.id,
      authorId: posts.authorId,
      text: posts.text,
      replyTo: posts.replyTo,
      rootId: posts.rootId,
      repostOf: posts.repostOf,
      visibility: posts.visibility,
      pollId: posts.pollId,
      mediaIds: posts.mediaIds,
      hashtags: posts.hashtags,
      repliesCount: posts.repliesCount,
      repostsCount: posts.repostsCount,
      username: people.username,
      displayName: people.displayName,
      avatarUrl: people.avatarUrl,
      followed: truth(follows.active).mapWith(Boolean),
      muted: truth(mutes.active).mapWith(Boolean),
      blocked: sql`${truth(blockedByViewer.active)} or ${truth(blockedByAuthor.active)}`.mapWith(Boolean),
    })
    .from(posts)
    .innerJoin(people, eq(people.id, posts.authorId))
    .leftJoin(follows, and(eq(follows.followerId, viewer), eq(follows.followeeId, posts.authorId)))
    .leftJoin(mutes, and(eq(mutes.userId, viewer), eq(mutes.otherId, posts.authorId)))
    .leftJoin(
      blockedByViewer,
      and(eq(blockedByViewer.userId, viewer), eq(blockedByViewer.otherId, posts.authorId)),
    )
    .leftJoin(
      blockedByAuthor,
      and(eq(blockedByAuthor.userId, posts.authorId), eq(blockedByAuthor.otherId, viewer)),
    )
    .where(and(inArray(posts.id, ids), isNull(posts.deletedAt), eq(people.deleted, false)))
    .prepare();
}

export type PostRow = Awaited<ReturnType<ReturnType<typeof preparePosts>['execute']>>[number];

/** The posts that exist among these, by id. At most 101 ids are asked for in one query. */
export async function findPosts(
  database: Database,
  ids: readonly string[],
  viewerId: string | null,
): Promise<Map<string, PostRow>> {
  const found = new Map<string, PostRow>();
  for (let start = 0; start < ids.length; start += LARGEST_BATCH) {
    const batch = ids.slice(start, start + LARGEST_BATCH);
    const size = BATCH_SIZES.find((each) => each >= batch.length) ?? LARGEST_BATCH;
    const values = Object.fromEntries(
      Array.from({ length: size }, (_, index) => [`id${index}`, batch[index] ?? NO_POST]),
    );
    const rows = await prepared(database)
      .get(size)
      ?.execute({ ...values, viewer: viewerId ?? NOBODY });
    for (const row of rows ?? []) found.set(row.id, row);
  }
  return found;
}

/** Who is mentioned in these posts, by post. Erased people are left out. */
export async function findMentioned(
  database: Database,
  postIds: readonly string[],
): Promise<Map<string, { id: string; username: string }[]>> {
  if (postIds.length === 0) return new Map();
  const rows = await database
    .select({ postId: postMentions.postId, id: people.id, username: people.username })
    .from(postMentions)
    .innerJoin(people, eq(people.id, postMentions.personId))
    .where(and(inArray(postMentions.postId, [...postIds]), eq(people.deleted, false)))
    .orderBy(people.username);
  return new Map(
    [...Map.groupBy(rows, (row) => row.postId)].map(([postId, mentioned]) => [
      postId,
      mentioned.map(({ id, username }) => ({ id, username })),
    ]),
  );
}

export async function postExists(database: Database, id: string): Promise<boolean> {
  const rows = await database.select({ id: posts.id }).from(posts).where(eq(posts.id, id));
  return rows.length > 0;
}

/** Writes a post with its mentions and hashtags. @throws when the id, or the author's repost of that post, is there */
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

/** Adds one to a count of a post. @returns false when there is no such post (any more) */
export async function countUp(
  transaction: Transaction,
  id: string,
  column: 'repliesCount' | 'repostsCount',
): Promise<boolean> {
  const [result] = await transaction
    .update(posts)
    .set({ [column]: sql`${posts[column]} + 1` })
    .where(and(eq(posts.id, id), isNull(posts.deletedAt)));
  return result.affectedRows > 0;
}

async function countDown(
  transaction: Transaction,
  id: string | null,
  column: 'repliesCount' | 'repostsCount',
): Promise<void> {
  if (id === null) return;
  await transaction
    .update(posts)
    .set({ [column]: sql`greatest(${posts[column]}, 1) - 1` })
    .where(eq(posts.id, id));
}

/**
 * Empties a post and takes it out of the counts of others.
 *
 * @returns false when somebody else was quicker
 */
export async function deletePost(transaction: Transaction, post: PostRef): Promise<boolean> {
  const [result] = await transaction
    .update(posts)
    .set({ text: '', mediaIds: [], hashtags: [], pollId: null, repostOf: null, deletedAt: DATABASE_NOW })
    .where(and(eq(posts.id, post.id), isNull(posts.deletedAt)));
  if (result.affectedRows === 0) return false;
  await deleteAttached(transaction, [post.id]);
  await countDown(transaction, post.replyTo, 'repliesCount');
  await countDown(transaction, post.repostOf, 'repostsCount');
  return true;
}

export type PostRef = Pick<PostRow, 'id' | 'replyTo' | 'repostOf'>;

async function deleteAttached(transaction: Transaction, ids: readonly string[]): Promise<void> {
  await transaction.delete(postMentions).where(inArray(postMentions.postId, [...ids]));
  await transaction.delete(postHashtags).where(inArray(postHashtags.postId, [...ids]));
  await transaction.delete(bookmarks).where(inArray(bookmarks.postId, [...ids]));
}

/** The next posts of an erased person, deleted ones as well. */
export async function listEverythingOf(
  database: Database,
  authorId: string,
  limit: number,
): Promise<PostRef[]> {
  return database
    .select({ id: posts.id, replyTo: posts.replyTo, repostOf: posts.repostOf })
    .from(posts)
    .where(eq(posts.authorId, authorId))
    .orderBy(posts.id)
    .limit(limit);
}

/** Removes a post's row altogether, for an erased person. */
export async function erasePost(transaction: Transaction, post: PostRef): Promise<void> {
  await deletePost(transaction, post);
  await transaction.delete(posts).where(eq(posts.id, post.id));
}

export async function deleteMentionsOf(database: Database, personId: string): Promise<void> {
  await database.delete(postMentions).where(eq(postMentions.personId, personId));
}

export async function insertBookmark(
  database: Database,
  bookmark: typeof bookmarks.$inferInsert,
): Promise<void> {
  await database.insert(bookmarks).ignore().values(bookmark);
}

export async function deleteBookmark(database: Database, userId: string, postId: string): Promise<void> {
  await database.delete(bookmarks).where(and(eq(bookmarks.userId, userId), eq(bookmarks.postId, postId)));
}

export interface Drift {
  readonly id: string;
  readonly repliesCount: number;
  readonly repostsCount: number;
  readonly replies: number;
  readonly reposts: number;
}

/** The next posts in the order of ids, with their counts as kept and as counted anew. */
export async function recountPosts(database: Database, afterId: string, limit: number): Promise<Drift[]> {
  const other = aliasedTable(posts, 'other');
  const counted = (column: typeof other.replyTo | typeof other.repostOf) =>
    sql`(select count(*) from ${posts} as ${sql.identifier('other')}
      where ${column} = ${sql.raw('`posts`.`id`')} and ${other.deletedAt} is null)`.mapWith(Number);
  return database
    .select({
      id: posts.id,
      repliesCount: posts.repliesCount,
      repostsCount: posts.repostsCount,
      replies: counted(other.replyTo),
      reposts: counted(other.repostOf),
    })
    .from(posts)
    .where(sql`${posts.id} > ${afterId}`)
    .orderBy(posts.id)
    .limit(limit);
}

/** Sets a post's counts to what is there, under the lock that every change of them takes. */
export async function repairCounts(transaction: Transaction, id: string): Promise<void> {
  await transaction.select({ id: posts.id }).from(posts).where(eq(posts.id, id)).for('update');
  const rows = await transaction
    .select({ replyTo: posts.replyTo, repostOf: posts.repostOf })
    .from(posts)
    .where(and(or(eq(posts.replyTo, id), eq(posts.repostOf, id)), isNull(posts.deletedAt)));
  await transaction
    .update(posts)
    .set({
      repliesCount: rows.filter((row) => row.replyTo === id).length,
      repostsCount: rows.filter((row) => row.repostOf === id).length,
    })
    .where(eq(posts.id, id));
}
