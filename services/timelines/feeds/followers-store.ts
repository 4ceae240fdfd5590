import { and, count, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { follows, people, posts } from '../schema';

export interface FollowersPage {
  readonly followeeId: string;
  readonly after: string | null;
  readonly limit: number;
}

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
  const selects = pages.map(
    ({ followeeId, after, limit }, page) => sql`(select ${page} as page, ${follows.followerId} as follower_id
      from ${follows} where ${and(
        eq(follows.followeeId, followeeId),
        eq(follows.active, true),
        after === null ? undefined : gt(follows.followerId, after),
      )} order by ${follows.followerId} limit ${limit})`,
  );
  const rows = await database
    .select({ page: sql`page`.mapWith(Number), id: sql`follower_id`.mapWith(follows.followerId) })
    .from(sql`(${sql.join(selects, sql` union all `)}) as followers`)
    .orderBy(sql`page`, sql`follower_id`);
  for (const { page, id } of rows) followersOf[page]?.push(id);
  return followersOf;
}

/** The posts among `ids` that are not deleted. */
export async function listExisting(database: Database, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await database
    .select({ id: posts.id })
    .from(posts)
    .where(and(inArray(posts.id, [...ids]), isNull(posts.deletedAt)));
  return new Set(rows.map((row) => row.id));
}

/** The people among `ids` whose posts are merged at read time. */
export async function listMergedAmong(database: Database, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await database
    .select({ id: people.id })
    .from(people)
    .where(and(inArray(people.id, [...ids]), eq(people.mergedAtRead, true)));
  return new Set(rows.map((row) => row.id));
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
