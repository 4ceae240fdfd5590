import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { postHashtags, posts } from '../schema';

/** An entry of a list: the id of the post, and its sort key in the list, which a cursor holds. */
export interface Entry {
  readonly key: string;
  readonly id: string;
}

export interface Slice {
  /** The sort key of the last entry before the slice; null for the start of the list. */
  readonly after: string | null;
  readonly limit: number;
}

/** The sort key that all keys of a list in descending order are below. */
export const NEWEST = String(Number.MAX_SAFE_INTEGER);

export const listPublic = (database: Database, slice: Slice) =>
  listPosts(database, eq(posts.visibility, 'public'), slice);

export const listByAuthors = (database: Database, authorIds: readonly string[], slice: Slice) =>
  listPosts(database, inArray(posts.authorId, [...authorIds]), slice);

/** @param expression in MySQL's boolean mode */
export const listMatching = (database: Database, expression: string, slice: Slice) =>
  listPosts(database, sql`match(${posts.searchTokens}) against (${expression} in boolean mode)`, slice);

async function listPosts(database: Database, condition: SQL, slice: Slice): Promise<Entry[]> {
  const rows = await database
    .select({ id: posts.id })
    .from(posts)
    .where(and(condition, lt(posts.id, slice.after ?? NEWEST)))
    .orderBy(desc(posts.id))
    .limit(slice.limit);
  return rows.map(entryOf);
}

export async function listTagged(database: Database, tag: string, slice: Slice): Promise<Entry[]> {
  const rows = await database
    .select({ id: postHashtags.postId })
    .from(postHashtags)
    .where(and(eq(postHashtags.tag, tag), lt(postHashtags.postId, slice.after ?? NEWEST)))
    .orderBy(desc(postHashtags.postId))
    .limit(slice.limit);
  return rows.map(entryOf);
}

/** Direct and indirect replies to a post, oldest first. */
export async function listThread(database: Database, postId: string, slice: Slice): Promise<Entry[]> {
  const [rows] = await database.execute(sql`
    with recursive thread (id) as (
      select id from ${posts} where reply_to = ${postId}
      union all
      select reply.id from ${posts} as reply join thread on reply.reply_to = thread.id
    )
    select id from thread where id > ${slice.after ?? '0'} order by id limit ${slice.limit}`);
  return Array.isArray(rows) ? rows.map((row) => entryOf({ id: String(Reflect.get(row, 'id')) })) : [];
}

const entryOf = ({ id }: { id: string }): Entry => ({ key: id, id });
