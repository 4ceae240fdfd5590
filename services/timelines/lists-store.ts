import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { type Database, preparedOnce } from '#kit/mysql/database';
import { mergeNewestFirst } from './rules';
import { bookmarks, follows, postHashtags, posts } from './schema';

/** An entry of a list: the post, and the list's own sort key, after which the next page begins. */
export interface Entry {
  readonly key: string;
  readonly id: string;
}

export interface Slice {
  /** The sort key of the last entry before; null begins at the newest, or the oldest where the list says so. */
  readonly after: string | null;
  readonly limit: number;
}

const NEWEST = String(Number.MAX_SAFE_INTEGER);

const prepared = preparedOnce((database) => {
  const viewer = sql.param(sql.placeholder('viewer'), follows.followerId);
  const newest = () =>
    database.select({ id: posts.id }).from(posts).orderBy(desc(posts.id)).limit(sql.placeholder('limit'));
  const older = lt(posts.id, sql.placeholder('after'));
  const followees = database
    .select({ id: follows.followeeId })
    .from(follows)
    .where(and(eq(follows.followerId, viewer), eq(follows.active, true)));
  return {
    ofFollowees: newest()
      .where(and(inArray(posts.authorId, followees), older))
      .prepare(),
    ofAuthor: newest()
      .where(and(eq(posts.authorId, viewer), older))
      .prepare(),
  };
});

/**
 * Posts of somebody and of those they follow, newest first: what a home timeline is made from. Like every list here it
 * may name deleted posts, which fall out when the posts themselves are read: so the indexes alone can answer.
 */
export async function listHome(database: Database, viewerId: string, slice: Slice): Promise<string[]> {
  const values = { viewer: viewerId, after: slice.after ?? NEWEST, limit: slice.limit };
  const { ofFollowees, ofAuthor } = prepared(database);
  const [followees, own] = await Promise.all([ofFollowees.execute(values), ofAuthor.execute(values)]);
  const ids = (rows: { id: string }[]) => rows.map((row) => row.id);
  return mergeNewestFirst(ids(followees), ids(own)).slice(0, slice.limit);
}

export const listPublic = (database: Database, slice: Slice) =>
  listPosts(database, eq(posts.visibility, 'public'), slice);

export const listOfAuthors = (database: Database, authorIds: readonly string[], slice: Slice) =>
  listPosts(database, inArray(posts.authorId, [...authorIds]), slice);

/** @param expression in MySQL's boolean mode */
export const listMatching = (database: Database, expression: string, slice: Slice) =>
  listPosts(database, sql`match(${posts.text}) against (${expression} in boolean mode)`, slice);

async function listPosts(database: Database, condition: SQL, slice: Slice): Promise<Entry[]> {
  const rows = await database
    .select({ id: posts.id })
    .from(posts)
    .where(and(condition, lt(posts.id, slice.after ?? NEWEST)))
    .orderBy(desc(posts.id))
    .limit(slice.limit);
  return rows.map(entry);
}

export async function listTagged(database: Database, tag: string, slice: Slice): Promise<Entry[]> {
  const rows = await database
    .select({ id: postHashtags.postId })
    .from(postHashtags)
    .where(and(eq(postHashtags.tag, tag), lt(postHashtags.postId, slice.after ?? NEWEST)))
    .orderBy(desc(postHashtags.postId))
    .limit(slice.limit);
  return rows.map(entry);
}

/** The replies to a post and the replies to these, oldest first. */
export async function listThread(database: Database, postId: string, slice: Slice): Promise<Entry[]> {
  const [rows] = await database.execute(sql`
    with recursive thread (id) as (
      select id from ${posts} where reply_to = ${postId}
      union all
      select reply.id from ${posts} as reply join thread on reply.reply_to = thread.id
    )
    select id from thread where id > ${slice.after ?? '0'} order by id limit ${slice.limit}`);
  return Array.isArray(rows) ? rows.map((row) => entry({ id: String(Reflect.get(row, 'id')) })) : [];
}

export async function listBookmarks(database: Database, userId: string, slice: Slice): Promise<Entry[]> {
  return database
    .select({ key: bookmarks.since, id: bookmarks.postId })
    .from(bookmarks)
    .where(and(eq(bookmarks.userId, userId), lt(bookmarks.since, slice.after ?? NEWEST)))
    .orderBy(desc(bookmarks.since))
    .limit(slice.limit);
}

/** The followees among these people. */
export async function listFollowedAmong(
  database: Database,
  followerId: string,
  ids: readonly string[],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await database
    .select({ id: follows.followeeId })
    .from(follows)
    .where(
      and(
        eq(follows.followerId, followerId),
        inArray(follows.followeeId, [...ids]),
        eq(follows.active, true),
      ),
    );
  return rows.map((row) => row.id);
}

const entry = ({ id }: { id: string }): Entry => ({ key: id, id });
