import { and, count, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { follows, people, posts } from '../schema';

export interface FollowersPage {
  readonly followeeId: string;
  readonly after: string | null;
  readonly limit: number;
}

const SELECT = sql.raw('(select ');
const FOLLOWERS_OF = sql.raw(' as page, follower_id from follows where active = true and followee_id = ');
const AFTER = sql.raw(' and follower_id > ');
const LIMIT = sql.raw(' order by follower_id limit ');

/**
 * The next followers of several people, in the order of their ids, with one statement.
 *
 * @returns a list for each page, in their order
 */
export async function listFollowersOfEach(
  database: Database,
  pages: readonly FollowersPage[],
): Promise<string[][]> {
  const followersOf = pages.map((): string[] => []);
  if (pages.length === 0) return followersOf;
  // Of ready parts: the builder took a tenth of a busy process for it.
  const selects = pages.map(({ followeeId, after, limit }, page) => {
    const id = sql.param(followeeId, follows.followeeId);
    const next = after === null ? LIMIT : sql`${AFTER}${sql.param(after, follows.followerId)}${LIMIT}`;
    return sql`${SELECT}${page}${FOLLOWERS_OF}${id}${next}${limit})`;
  });
  const [result]: unknown[] = await database.execute(sql.join(selects, sql` union all `));
  for (const { page, follower_id } of result as FollowerRow[]) followersOf[page]?.push(idOf(follower_id));
  // A union has no order of its own, though it usually keeps that of its parts.
  return followersOf.map((ids) => ids.sort());
}

const idOf = (bytes: Buffer) => String(follows.followerId.mapFromDriverValue(bytes));

interface FollowerRow {
  readonly page: number;
  readonly follower_id: Buffer;
}

/** The posts among `ids` that are not deleted, and whether those of their authors are merged at read time. */
export async function listExisting(
  database: Database,
  ids: readonly string[],
): Promise<Map<string, { isMerged: boolean }>> {
  if (ids.length === 0) return new Map();
  const rows = await database
    .select({ id: posts.id, isMerged: people.mergedAtRead })
    .from(posts)
    .leftJoin(people, eq(people.id, posts.authorId))
    .where(and(inArray(posts.id, [...ids]), isNull(posts.deletedAt)));
  return new Map(rows.map(({ id, isMerged }) => [id, { isMerged: isMerged ?? false }]));
}

/** Whether a person has at least this many followers; counts no further. */
export async function hasFollowers(database: Database, id: string, atLeast: number): Promise<boolean> {
  const some = database
    .select({ followerId: follows.followerId })
    .from(follows)
    .where(and(eq(follows.followeeId, id), eq(follows.active, true)))
    .limit(atLeast)
    .as('some');
  const [counted] = await database.select({ followers: count() }).from(some);
  return (counted?.followers ?? 0) >= atLeast;
}

export async function setMergedAtRead(database: Database, id: string): Promise<void> {
  await database.update(people).set({ mergedAtRead: true }).where(eq(people.id, id));
}

export async function listMergedAtRead(database: Database): Promise<string[]> {
  const rows = await database.select({ id: people.id }).from(people).where(eq(people.mergedAtRead, true));
  return rows.map((row) => row.id);
}

/** The people among `ids` whom a person follows. */
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
