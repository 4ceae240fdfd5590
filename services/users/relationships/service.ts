import type { Caller } from '#kit/auth/caller';
import { timeOrderedKey, uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { type OutboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { type Profile, UserNotFound } from '../accounts/model';
import { requireActiveUser } from '../accounts/service';
import { lockUsers, type UserRow } from '../accounts/store';
import { profileView } from '../accounts/views';
import type { UsersDeps } from '../deps';
import {
  acceptRequest,
  closeRequest,
  endFollow,
  requestFollow,
  setBlock,
  setFollow,
  setMute,
} from './changes';
import {
  Blocked,
  FollowLimitReached,
  FollowRequestNotFound,
  type FollowState,
  NotOneself,
  type Relationship,
} from './model';
import * as requests from './requests-store';
import * as store from './store';

/** Who changes their relationships. */
export type Actor = Pick<Caller, 'id' | 'roles' | 'username'>;

/** Mastodon's limit. The flag `follow-limit` overrides it. */
const MAX_FOLLOWEES = 7_500;

/**
 * Follows a user, or asks to if their profile is locked. Requests count against the limit of follows.
 *
 * @throws Blocked, FollowLimitReached
 */
export async function follow(deps: UsersDeps, caller: Actor, username: string): Promise<FollowState> {
  let requested = false;
  await changeRelationship(deps, caller, username, async (transaction, target, me) => {
    requested = false;
    const pair = { followerId: caller.id, followeeId: target.id };
    const blocks = await store.findBlocks(transaction, caller.id, target.id);
    if (blocks.byOne || blocks.byOther)
      throw new Blocked({ detail: 'You have blocked this user, or this user has blocked you.' });
    if (await store.isFollowing(transaction, caller.id, target.id)) return [];
    requested = target.locked;
    if (await requests.isRequested(transaction, pair))
      return target.locked ? [] : ((await acceptRequest(deps, transaction, pair)) ?? []);
    const max = deps.flags.value('follow-limit', MAX_FOLLOWEES, caller);
    if (me.followeesCount + (await requests.countSentRequests(transaction, caller.id)) >= max)
      throw new FollowLimitReached({ detail: `You can follow at most ${max} users.` });
    return target.locked
      ? requestFollow(deps, transaction, pair)
      : setFollow(deps, transaction, { ...pair, active: true });
  });
  return { following: !requested, requested };
}

/** Unfollows a user, or withdraws the request to follow them. */
export const unfollow = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    endFollow(deps, transaction, { followerId: caller.id, followeeId: target.id, endedBy: caller.id }),
  );

/** Blocks a user and ends the follows and requests in both directions. */
export const block = (deps: UsersDeps, caller: Actor, username: string) =>
  changeRelationship(deps, caller, username, async (transaction, target) => [
    ...(await endFollow(deps, transaction, {
      followerId: caller.id,
      followeeId: target.id,
      endedBy: caller.id,
    })),
    ...(await endFollow(deps, transaction, {
      followerId: target.id,
      followeeId: caller.id,
      endedBy: caller.id,
    })),
    ...(await setBlock(transaction, { userId: caller.id, otherId: target.id, active: true })),
  ]);

/**
 * Lets a user who has asked to follow the caller do so.
 *
 * @throws FollowRequestNotFound unless the user has asked, or follows the caller already
 */
export const authorizeFollowRequest = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, async (transaction, follower) => {
    const pair = { followerId: follower.id, followeeId: caller.id };
    const entries = await acceptRequest(deps, transaction, pair);
    if (entries !== undefined) return entries;
    if (!(await store.isFollowing(transaction, follower.id, caller.id))) throw new FollowRequestNotFound();
    return [];
  });

/** Deletes a request to follow the caller. A user who follows already stays a follower. */
export const rejectFollowRequest = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, follower) =>
    closeRequest(transaction, { followerId: follower.id, followeeId: caller.id }, 'rejected'),
  );

export const unblock = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setBlock(transaction, { userId: caller.id, otherId: target.id, active: false }),
  );

export const mute = (deps: UsersDeps, caller: Actor, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setMute(transaction, { userId: caller.id, otherId: target.id, active: true }),
  );

export const unmute = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setMute(transaction, { userId: caller.id, otherId: target.id, active: false }),
  );

/** @throws NotOneself */
export async function readRelationship(
  deps: UsersDeps,
  caller: Caller,
  username: string,
): Promise<Relationship> {
  const { id } = await requireActiveUser(deps, username);
  if (id === caller.id) throw new NotOneself();
  const between = await store.findRelationship(deps.database, caller.id, id);
  return {
    following: between.oneFollowsOther,
    followed_by: between.otherFollowsOne,
    requested: between.oneRequestedOther,
    requested_by: between.otherRequestedOne,
    blocking: between.blockedByOne,
    blocked_by: between.blockedByOther,
    muting: between.mutedByOne,
  };
}

/** Locks both users, then makes the change and writes its events in one transaction. The caller sees its effect at once. */
async function changeRelationship(
  deps: UsersDeps,
  caller: Pick<Actor, 'id'>,
  username: string,
  change: (transaction: Transaction, target: UserRow, me: UserRow) => Promise<OutboxEntry[]>,
): Promise<void> {
  const { id } = await requireActiveUser(deps, username);
  if (id === caller.id) throw new NotOneself();
  const events = await inTransaction(deps.database, async (transaction) => {
    const locked = await lockUsers(transaction, [caller.id, id]);
    const [me, target] = [locked.get(caller.id), locked.get(id)];
    if (me === undefined || target === undefined) throw new UserNotFound();
    const entries = await change(transaction, target, me);
    await writeOutbox(transaction, entries);
    return entries;
  });
  if (events.length === 0) return;
  deps.outbox.wake();
  await deps.deliverDirectly(events);
}

export const listFollowees = (deps: UsersDeps, username: string, query: PageQuery) =>
  listFollows(deps, username, query, store.listFollowees);

export const listFollowers = (deps: UsersDeps, username: string, query: PageQuery) =>
  listFollows(deps, username, query, store.listFollowers);

async function listFollows(
  deps: UsersDeps,
  username: string,
  query: PageQuery,
  list: typeof store.listFollowees,
): Promise<Page<Profile>> {
  const { id } = await requireActiveUser(deps, username);
  return pageOfProfiles(deps, id, query, list);
}

/** The users who ask to follow the caller, newest request first. */
export const listFollowRequests = (deps: UsersDeps, caller: Caller, query: PageQuery) =>
  pageOfProfiles(deps, caller.id, query, requests.listRequesters);

async function pageOfProfiles(
  deps: UsersDeps,
  userId: string,
  query: PageQuery,
  list: typeof store.listFollowees,
): Promise<Page<Profile>> {
  const { limit, after } = readPageQuery(query, [timeOrderedKey, uuidKey]);
  const before = after && { since: after[0], otherId: after[1] };
  const rows = await list(deps.database, { userId, before, limit: limit + 1 });
  return toPage(
    rows,
    limit,
    (row) => [row.since, row.user.id],
    (row) => profileView(row.user),
  );
}
