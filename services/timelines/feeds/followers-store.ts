import { and, count, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { follows, people } from '../schema';

/** The next followers of a person, in the order of their ids. */
export async function listFollowers(
  database: Database,
  followeeId: string,
  page: { after: string | null; limit: number },
): Promise<string[]> {
  const rows = await database
    .select({ id: follows.followerId })
    .from(follows)
    .where(
      and(
        eq(follows.followeeId, followeeId),
        eq(follows.active, true),
        page.after === null
          ? undefined
          : sql`${follows.followerId} > ${sql.param(page.after, follows.followerId)}`,
      ),
    )
    .orderBy(follows.followerId)
    .limit(page.limit);
  return rows.map((row) => row.id);
}

export async function isMergedAtRead(database: Database, id: string): Promise<boolean> {
  const [person] = await database
    .select({ mergedAtRead: people.mergedAtRead })
    .from(people)
    .where(eq(people.id, id));
  return person?.mergedAtRead ?? false;
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
