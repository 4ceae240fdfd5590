import { repeatEvery } from '#kit/core/repeat';
import { writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import { lockUsers } from '../accounts/store';
import type { UsersDeps } from '../deps';
import { acceptRequest } from './changes';
import * as requests from './requests-store';

type UnlockingDeps = Pick<UsersDeps, 'runtime' | 'database' | 'outbox' | 'nextId'>;

/** Requests in one transaction: each locks its follower's row. */
const BATCH_REQUESTS = 50;
const BATCH_USERS = 20;
/** For what a terminated process has left; the rest is authorized when the profile is unlocked. */
const PENDING_EVERY_MS = 5_000;

/**
 * Authorizes the pending requests of a user who has unlocked the profile, as Mastodon does: the first batch now, the rest
 * in the background. Never throws.
 */
export async function authorizePending(deps: UnlockingDeps, userId: string): Promise<void> {
  try {
    if ((await authorizeBatch(deps, userId)) > 0) deps.outbox.wake();
  } catch (failure) {
    deps.runtime.log.warn(
      { err: failure },
      'Could not authorize follow requests; retrying in the background',
    );
  }
}

/** Authorizes pending requests in the background until the runtime shuts down. */
export function keepAuthorizingPending(deps: UnlockingDeps): void {
  repeatEvery(deps.runtime, 'authorizing follow requests', { everyMs: PENDING_EVERY_MS }, async () => {
    while (!deps.runtime.closing.aborted && (await authorizeBatches(deps)));
  });
}

/** @returns whether there may be more to authorize */
export async function authorizeBatches(deps: UnlockingDeps): Promise<boolean> {
  const userIds = await requests.findUnlocked(deps.database, BATCH_USERS);
  let count = 0;
  for (const userId of userIds) count += await authorizeBatch(deps, userId);
  if (count > 0) deps.outbox.wake();
  return userIds.length > 0;
}

async function authorizeBatch(deps: UnlockingDeps, followeeId: string): Promise<number> {
  const followerIds = await requests.findRequesterIds(deps.database, followeeId, BATCH_REQUESTS);
  return inTransaction(deps.database, async (transaction) => {
    const locked = await lockUsers(transaction, [followeeId, ...followerIds]);
    const followee = locked.get(followeeId);
    // Locked again: what is pending stays pending.
    if (followee === undefined || followee.locked) {
      await requests.dequeueUnlocked(transaction, followeeId);
      return 0;
    }
    let count = 0;
    for (const followerId of followerIds) {
      const pair = { followerId, followeeId };
      // Erased since they were read, and the request with them.
      if (!locked.has(followerId)) continue;
      const entries = (await acceptRequest(deps, transaction, pair)) ?? [];
      await writeOutbox(transaction, entries);
      count += entries.length;
    }
    const remaining = await requests.findRequesterIds(transaction, followeeId, 1);
    if (remaining.length === 0) await requests.dequeueUnlocked(transaction, followeeId);
    return count;
  });
}
