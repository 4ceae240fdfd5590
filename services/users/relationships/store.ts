import { and, desc, eq, inArray, lt, or, type SQL, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import type { UserRow } from '../accounts/store';
import { blocks, follows, mutes, users } from '../schema';

type Decisions = typeof blocks | typeof mutes;

/** Turns a follow on or off. @returns its new version, or null when it already was as asked */
export async function setFollow(
  transaction: Transaction,
  follow: { followerId: string; followeeId: string; active: boolean; since: string },
): Promise<number | null> {
  const { followerId, followeeId, active, since } = follow;
  const where = and(eq(follows.followerId, followerId), eq(follows.followeeId, followeeId));
  const [present] = await transaction.select().from(follows).where(where).for('update');
  if ((present?.active ?? false) === active) return null;
  const version = (present?.version ?? 0) + 1;
  if (present) await transaction.update(follows).set({ active, version, since }).where(where);
  else await transaction.insert(follows).values({ followerId, followeeId, active, version, since });
  await count(transaction, followerId, 'followeesCount', active);
  await count(transaction, followeeId, 'followersCount', active);
  return version;
}

async function count(
  transaction: Transaction,
  userId: string,
  column: 'followeesCount' | 'followersCount',
  up: boolean,
): Promise<void> {
  await transaction
    .update(users)
    .set({ [column]: up ? sql`${users[column]} + 1` : sql`greatest(${users[column]}, 1) - 1` })
    .where(eq(users.id, userId));
}

/** Turns a block or a mute on or off. @returns its new version, or null when it already was as asked */
export async function setDecision(
  transaction: Transaction,
  table: Decisions,
  decision: { userId: string; otherId: string; active: boolean },
): Promise<number | null> {
  const { userId, otherId, active } = decision;
  const where = and(eq(table.userId, userId), eq(table.otherId, otherId));
  const [present] = await transaction.select().from(table).where(where).for('update');
  if ((present?.active ?? false) === active) return null;
  const version = (present?.version ?? 0) + 1;
  if (present) await transaction.update(table).set({ active, version }).where(where);
  else await transaction.insert(table).values({ userId, otherId, active, version });
  return version;
}

/** Who of two has blocked the other. */
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

/** What two people have decided about each other, in one query. */
export interface Relationship {
  readonly blockedByOne: boolean;
  readonly blockedByOther: boolean;
  readonly mutedByOne: boolean;
  readonly oneFollowsOther: boolean;
  readonly otherFollowsOne: boolean;
}

export async function findRelationship(
  executor: Executor,
  one: string,
  other: string,
): Promise<Relationship> {
  const exists = (table: Decisions | typeof follows, where: SQL | undefined) =>
    sql`exists (select 1 from ${table} where ${where})`.mapWith(Boolean);
  const decided = (table: Decisions, by: string, about: string) =>
    exists(table, and(eq(table.userId, by), eq(table.otherId, about), eq(table.active, true)));
  const follow = (from: string, to: string) =>
    exists(follows, and(eq(follows.followerId, from), eq(follows.followeeId, to), eq(follows.active, true)));
  const [found] = await executor
    .select({
      blockedByOne: decided(blocks, one, other),
      blockedByOther: decided(blocks, other, one),
      mutedByOne: decided(mutes, one, other),
      oneFollowsOther: follow(one, other),
      otherFollowsOne: follow(other, one),
    })
    .from(sql`dual`);
  if (found === undefined) throw new Error('A query without conditions found nothing');
  return found;
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
}

/** Who somebody follows, newest follow first. */
export const listFollowees = (database: Database, page: FollowPage) =>
  listFollows(database, page, { one: follows.followerId, other: follows.followeeId });

/** Who follows somebody, newest follow first. */
export const listFollowers = (database: Database, page: FollowPage) =>
  listFollows(database, page, { one: follows.followeeId, other: follows.followerId });

async function listFollows(
  database: Database,
  page: FollowPage,
  sides: {
    one: typeof follows.followerId | typeof follows.followeeId;
    other: typeof follows.followerId | typeof follows.followeeId;
  },
): Promise<{ since: string; user: UserRow }[]> {
  return database
    .select({ since: follows.since, user: users })
    .from(follows)
    .innerJoin(users, eq(users.id, sides.other))
    .where(
      and(
        eq(sides.one, page.userId),
        eq(follows.active, true),
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

/** The usernames on the other side of everything a person has decided or is part of, for their export. */
export async function exportRelationships(database: Database, userId: string) {
  const names = async (ids: string[]) => {
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
  const decided = async (table: Decisions) => {
    const rows = await database
      .select({ otherId: table.otherId })
      .from(table)
      .where(and(eq(table.userId, userId), eq(table.active, true)));
    return names(rows.map((row) => row.otherId));
  };
  return {
    followees: await names(
      followRows.filter((row) => row.followerId === userId).map((row) => row.followeeId),
    ),
    followers: await names(
      followRows.filter((row) => row.followeeId === userId).map((row) => row.followerId),
    ),
    blocked: await decided(blocks),
    muted: await decided(mutes),
  };
}

/** Takes a person out of every relationship, and out of the counts of the others. */
export async function deleteRelationships(transaction: Transaction, userId: string): Promise<void> {
  const counted = (
    column: 'followeesCount' | 'followersCount',
    theirs: 'followerId' | 'followeeId',
    own: 'followerId' | 'followeeId',
  ) =>
    transaction
      .update(users)
      .set({ [column]: sql`greatest(${users[column]}, 1) - 1` })
      .where(
        inArray(
          users.id,
          transaction
            .select({ id: follows[theirs] })
            .from(follows)
            .where(and(eq(follows[own], userId), eq(follows.active, true))),
        ),
      );
  await counted('followeesCount', 'followerId', 'followeeId');
  await counted('followersCount', 'followeeId', 'followerId');
  await transaction.delete(follows).where(or(eq(follows.followerId, userId), eq(follows.followeeId, userId)));
  await transaction.delete(blocks).where(or(eq(blocks.userId, userId), eq(blocks.otherId, userId)));
  await transaction.delete(mutes).where(or(eq(mutes.userId, userId), eq(mutes.otherId, userId)));
}
