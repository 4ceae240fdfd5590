import { and, desc, eq, gt, inArray, lt, or, type SQL, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import type { UserRow } from '../accounts/store';
import { blocks, followRequests, follows, mutes, users } from '../schema';

/** A block or a mute of one user by another. */
export interface Restriction {
  readonly userId: string;
  readonly otherId: string;
  readonly active: boolean;
}

type RestrictionTable = typeof blocks | typeof mutes;

/** Starts or ends a follow. @returns its new version, or null if it was already in this state */
export async function setFollow(
  transaction: Transaction,
  follow: { followerId: string; followeeId: string; active: boolean; since: string },
): Promise<number | null> {
  const { followerId, followeeId, active, since } = follow;
  const where = and(eq(follows.followerId, followerId), eq(follows.followeeId, followeeId));
  const [existing] = await transaction.select().from(follows).where(where).for('update');
  if ((existing?.active ?? false) === active) return null;
  const version = (existing?.version ?? 0) + 1;
  if (existing) await transaction.update(follows).set({ active, version, since }).where(where);
  else await transaction.insert(follows).values({ followerId, followeeId, active, version, since });
  await adjustCount(transaction, followerId, 'followeesCount', active);
  await adjustCount(transaction, followeeId, 'followersCount', active);
  return version;
}

async function adjustCount(
  transaction: Transaction,
  userId: string,
  column: 'followeesCount' | 'followersCount',
  increment: boolean,
): Promise<void> {
  await transaction
    .update(users)
    .set({ [column]: increment ? sql`${users[column]} + 1` : sql`greatest(${users[column]}, 1) - 1` })
    .where(eq(users.id, userId));
}

/** Starts or ends a block. @returns its new version, or null if it was already in this state */
export const setBlock = (transaction: Transaction, restriction: Restriction) =>
  setRestriction(transaction, blocks, restriction);

/** Starts or ends a mute. @returns its new version, or null if it was already in this state */
export const setMute = (transaction: Transaction, restriction: Restriction) =>
  setRestriction(transaction, mutes, restriction);

async function setRestriction(
  transaction: Transaction,
  table: RestrictionTable,
  { userId, otherId, active }: Restriction,
): Promise<number | null> {
  const where = and(eq(table.userId, userId), eq(table.otherId, otherId));
  const [existing] = await transaction.select().from(table).where(where).for('update');
  if ((existing?.active ?? false) === active) return null;
  const version = (existing?.version ?? 0) + 1;
  if (existing) await transaction.update(table).set({ active, version }).where(where);
  else await transaction.insert(table).values({ userId, otherId, active, version });
  return version;
}

/** The blocks between two users. */
export async function findBlocks(
  executor: Executor,
  one: string,
  other: string,
): Promise<{ byOne: boolean; byOther: boolean }> {
  const rows = await executor
    .select({ userId: blocks.userId })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, one), eq(blocks.otherId, other)),
          and(eq(blocks.userId, other), eq(blocks.otherId, one)),
        ),
      ),
    );
  return { byOne: rows.some((row) => row.userId === one), byOther: rows.some((row) => row.userId === other) };
}

/** The relationship between two users, from both sides. */
export interface Relationship {
  readonly blockedByOne: boolean;
  readonly blockedByOther: boolean;
  readonly mutedByOne: boolean;
  readonly oneFollowsOther: boolean;
  readonly otherFollowsOne: boolean;
  readonly oneRequestedOther: boolean;
  readonly otherRequestedOne: boolean;
}

export async function findRelationship(
  executor: Executor,
  one: string,
  other: string,
): Promise<Relationship> {
  const exists = (table: RestrictionTable | typeof follows | typeof followRequests, where: SQL | undefined) =>
    sql`exists (select 1 from ${table} where ${where})`.mapWith(Boolean);
  const restricts = (table: RestrictionTable, from: string, to: string) =>
    exists(table, and(eq(table.userId, from), eq(table.otherId, to), eq(table.active, true)));
  const isFollower = (from: string, to: string) =>
    exists(follows, and(eq(follows.followerId, from), eq(follows.followeeId, to), eq(follows.active, true)));
  const hasRequested = (from: string, to: string) =>
    exists(followRequests, and(eq(followRequests.followerId, from), eq(followRequests.followeeId, to)));
  const [relationship] = await executor
    .select({
      blockedByOne: restricts(blocks, one, other),
      blockedByOther: restricts(blocks, other, one),
      mutedByOne: restricts(mutes, one, other),
      oneFollowsOther: isFollower(one, other),
      otherFollowsOne: isFollower(other, one),
      oneRequestedOther: hasRequested(one, other),
      otherRequestedOne: hasRequested(other, one),
    })
    .from(sql`dual`);
  if (relationship === undefined) throw new Error('A query of dual returned no row');
  return relationship;
}

export async function isFollowing(
  executor: Executor,
  followerId: string,
  followeeId: string,
): Promise<boolean> {
  const rows = await executor
    .select({ followerId: follows.followerId })
    .from(follows)
    .where(
      and(eq(follows.followerId, followerId), eq(follows.followeeId, followeeId), eq(follows.active, true)),
    );
  return rows.length > 0;
}

export interface FollowPage {
  readonly userId: string;
  readonly before: { readonly since: string; readonly otherId: string } | null;
  readonly limit: number;
  /** In the user's own archive: of deactivated users as well. */
  readonly isOwn?: boolean;
}

/** The users that a user follows, newest follow first. */
export const listFollowees = (database: Database, page: FollowPage) =>
  listFollows(database, page, { own: follows.followerId, other: follows.followeeId });

/** The followers of a user, newest follow first. */
export const listFollowers = (database: Database, page: FollowPage) =>
  listFollows(database, page, { own: follows.followeeId, other: follows.followerId });

async function listFollows(
  database: Database,
  page: FollowPage,
  sides: {
    own: typeof follows.followerId | typeof follows.followeeId;
    other: typeof follows.followerId | typeof follows.followeeId;
  },
): Promise<{ since: string; user: UserRow }[]> {
  return database
    .select({ since: follows.since, user: users })
    .from(follows)
    .innerJoin(users, eq(users.id, sides.other))
    .where(
      and(
        eq(sides.own, page.userId),
        eq(follows.active, true),
        page.isOwn ? undefined : eq(users.active, true),
        page.before === null
          ? undefined
          : or(
              lt(follows.since, page.before.since),
              and(eq(follows.since, page.before.since), lt(sides.other, page.before.otherId)),
            ),
      ),
    )
    .orderBy(desc(follows.since), desc(sides.other))
    .limit(page.limit);
}

/** The users whom a user blocks or mutes, in the order of their ids. */
export async function listRestricted(
  database: Database,
  table: RestrictionTable,
  page: { userId: string; afterId: string | null; limit: number },
): Promise<Pick<UserRow, 'id' | 'username'>[]> {
  const { userId, afterId, limit } = page;
  return database
    .select({ id: users.id, username: users.username })
    .from(table)
    .innerJoin(users, eq(users.id, table.otherId))
    .where(
      and(
        eq(table.userId, userId),
        eq(table.active, true),
        afterId === null ? undefined : gt(table.otherId, afterId),
      ),
    )
    .orderBy(table.otherId)
    .limit(limit);
}

/** The usernames in a user's relationships, for the data export. */
export async function exportRelationships(database: Database, userId: string) {
  const usernamesOf = async (ids: string[]) => {
    if (ids.length === 0) return [];
    const rows = await database
      .select({ username: users.username })
      .from(users)
      .where(inArray(users.id, ids));
    return rows.map((row) => row.username).sort();
  };
  const followRows = await database
    .select()
    .from(follows)
    .where(and(eq(follows.active, true), or(eq(follows.followerId, userId), eq(follows.followeeId, userId))));
  const restrictedBy = async (table: RestrictionTable) => {
    const rows = await database
      .select({ otherId: table.otherId })
      .from(table)
      .where(and(eq(table.userId, userId), eq(table.active, true)));
    return usernamesOf(rows.map((row) => row.otherId));
  };
  return {
    followees: await usernamesOf(
      followRows.filter((row) => row.followerId === userId).map((row) => row.followeeId),
    ),
    followers: await usernamesOf(
      followRows.filter((row) => row.followeeId === userId).map((row) => row.followerId),
    ),
    blocked: await restrictedBy(blocks),
    muted: await restrictedBy(mutes),
  };
}

/** Deletes a user's relationships and adjusts the counts of the other users. */
export async function deleteRelationships(transaction: Transaction, userId: string): Promise<void> {
  const decrement = (
    column: 'followeesCount' | 'followersCount',
    others: 'followerId' | 'followeeId',
    own: 'followerId' | 'followeeId',
  ) =>
    transaction
      .update(users)
      .set({ [column]: sql`greatest(${users[column]}, 1) - 1` })
      .where(
        inArray(
          users.id,
          transaction
            .select({ id: follows[others] })
            .from(follows)
            .where(and(eq(follows[own], userId), eq(follows.active, true))),
        ),
      );
  await decrement('followeesCount', 'followerId', 'followeeId');
  await decrement('followersCount', 'followeeId', 'followerId');
  await transaction.delete(follows).where(or(eq(follows.followerId, userId), eq(follows.followeeId, userId)));
  await transaction.delete(blocks).where(or(eq(blocks.userId, userId), eq(blocks.otherId, userId)));
  await transaction.delete(mutes).where(or(eq(mutes.userId, userId), eq(mutes.otherId, userId)));
}
