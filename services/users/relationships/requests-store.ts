import { and, asc, desc, eq, lt, or } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import type { UserRow } from '../accounts/store';
import { followRequests, unlockedProfiles, users } from '../schema';
import type { FollowPage } from './store';

export interface FollowPair {
  readonly followerId: string;
  readonly followeeId: string;
}

/** `since` is also its id. */
export type FollowRequest = FollowPair & { readonly since: string };

const isRequest = ({ followerId, followeeId }: FollowPair) =>
  and(eq(followRequests.followerId, followerId), eq(followRequests.followeeId, followeeId));

export async function insertRequest(transaction: Transaction, request: FollowRequest): Promise<void> {
  await transaction.insert(followRequests).values(request);
}

export const isRequested = async (executor: Executor, pair: FollowPair): Promise<boolean> =>
  (await executor.$count(followRequests, isRequest(pair))) > 0;

/** Deletes a request. Both users must be locked. @returns the request, undefined if there was none */
export async function deleteRequest(
  transaction: Transaction,
  pair: FollowPair,
): Promise<FollowRequest | undefined> {
  // Deleting a row that does not exist would lock the gap against the requests of other users.
  const [request] = await transaction.select().from(followRequests).where(isRequest(pair));
  if (request !== undefined) await transaction.delete(followRequests).where(isRequest(pair));
  return request;
}

export const countSentRequests = (executor: Executor, followerId: string): Promise<number> =>
  executor.$count(followRequests, eq(followRequests.followerId, followerId));

/** The active users who ask to follow a user, newest request first. */
export const listRequesters = (
  database: Database,
  page: FollowPage,
): Promise<{ since: string; user: UserRow }[]> =>
  database
    .select({ since: followRequests.since, user: users })
    .from(followRequests)
    .innerJoin(users, eq(users.id, followRequests.followerId))
    .where(
      and(
        eq(followRequests.followeeId, page.userId),
        eq(users.active, true),
        page.before === null
          ? undefined
          : or(
              lt(followRequests.since, page.before.since),
              and(
                eq(followRequests.since, page.before.since),
                lt(followRequests.followerId, page.before.otherId),
              ),
            ),
      ),
    )
    .orderBy(desc(followRequests.since), desc(followRequests.followerId))
    .limit(page.limit);

/** The ids of users who ask to follow a user, oldest request first. */
export async function findRequesterIds(
  executor: Executor,
  followeeId: string,
  limit: number,
): Promise<string[]> {
  const rows = await executor
    .select({ followerId: followRequests.followerId })
    .from(followRequests)
    .where(eq(followRequests.followeeId, followeeId))
    .orderBy(asc(followRequests.since))
    .limit(limit);
  return rows.map((row) => row.followerId);
}

/** Queues a user whose pending requests are to be authorized. */
export async function enqueueUnlocked(transaction: Transaction, userId: string): Promise<void> {
  await transaction.insert(unlockedProfiles).values({ userId }).onDuplicateKeyUpdate({ set: { userId } });
}

export async function dequeueUnlocked(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(unlockedProfiles).where(eq(unlockedProfiles.userId, userId));
}

export async function findUnlocked(database: Database, limit: number): Promise<string[]> {
  const rows = await database.select().from(unlockedProfiles).limit(limit);
  return rows.map((row) => row.userId);
}

/** The requests that a user has sent and received, for the data export. */
export async function exportRequests(executor: Executor, userId: string) {
  const usernames = async (own: 'followerId' | 'followeeId', other: 'followerId' | 'followeeId') => {
    const rows = await executor
      .select({ username: users.username })
      .from(followRequests)
      .innerJoin(users, eq(users.id, followRequests[other]))
      .where(eq(followRequests[own], userId))
      .orderBy(users.username);
    return rows.map((row) => row.username);
  };
  return {
    follow_requests_sent: await usernames('followerId', 'followeeId'),
    follow_requests_received: await usernames('followeeId', 'followerId'),
  };
}

/** Deletes the requests that a user has sent and received. */
export async function deleteRequests(transaction: Transaction, userId: string): Promise<void> {
  await transaction
    .delete(followRequests)
    .where(or(eq(followRequests.followerId, userId), eq(followRequests.followeeId, userId)));
  await dequeueUnlocked(transaction, userId);
}
