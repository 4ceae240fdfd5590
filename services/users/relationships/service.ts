import {
  UserBlocked,
  UserFollowed,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
} from '#contracts/events/users';
import type { Caller } from '#kit/auth/caller';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { UsersDeps } from '../accounts/lifecycle';
import { Blocked, FollowLimitReached, NotOneself, type Profile, UserNotFound } from '../accounts/model';
import { findActive, profile } from '../accounts/service';
import { lockUsers, type UserRow } from '../accounts/store';
import { blocks, mutes } from '../schema';
import * as store from './store';

/** Mastodon's limit. The flag `follow-limit` overrules it. */
const MOST_FOLLOWED = 7_500;

export const follow = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, async (transaction, otherId, me) => {
    const between = await store.findBlocks(transaction, caller.id, otherId);
    if (between.byOne || between.byOther) throw new Blocked();
    if (await store.isFollowing(transaction, caller.id, otherId)) return [];
    const most = deps.flags.value('follow-limit', MOST_FOLLOWED, caller);
    if (me.followeesCount >= most) throw new FollowLimitReached({ detail: `At most ${most}.` });
    return changeFollow(deps, transaction, { followerId: caller.id, followeeId: otherId, active: true });
  });

export const unfollow = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, (transaction, otherId) =>
    changeFollow(deps, transaction, { followerId: caller.id, followeeId: otherId, active: false }),
  );

/** Blocking ends the follows between the two, in both directions. */
export const block = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, async (transaction, otherId) => [
    ...(await changeFollow(deps, transaction, { followerId: caller.id, followeeId: otherId, active: false })),
    ...(await changeFollow(deps, transaction, { followerId: otherId, followeeId: caller.id, active: false })),
    ...(await changeBlock(transaction, { userId: caller.id, otherId, active: true })),
  ]);

export const unblock = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, (transaction, otherId) =>
    changeBlock(transaction, { userId: caller.id, otherId, active: false }),
  );

export const mute = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, (transaction, otherId) =>
    changeMute(transaction, { userId: caller.id, otherId, active: true }),
  );

export const unmute = (deps: UsersDeps, caller: Caller, username: string) =>
  relate(deps, caller, username, (transaction, otherId) =>
    changeMute(transaction, { userId: caller.id, otherId, active: false }),
  );

/** The frame of every change between two people: both rows locked, the change and its events in one transaction. */
async function relate(
  deps: UsersDeps,
  caller: Caller,
  username: string,
  change: (transaction: Transaction, otherId: string, me: UserRow) => Promise<OutboxEntry[]>,
): Promise<void> {
  const other = await findActive(deps, username);
  if (other.id === caller.id) throw new NotOneself();
  const changed = await inTransaction(deps.database, async (transaction) => {
    const both = await lockUsers(transaction, [caller.id, other.id]);
    const me = both.get(caller.id);
    if (me === undefined || both.size < 2) throw new UserNotFound();
    const entries = await change(transaction, other.id, me);
    await writeOutbox(transaction, entries);
    return entries.length > 0;
  });
  if (changed) deps.outbox.wake();
}

async function changeFollow(
  deps: UsersDeps,
  transaction: Transaction,
  follow: { followerId: string; followeeId: string; active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setFollow(transaction, { ...follow, since: deps.nextId() });
  if (version === null) return [];
  return [
    outboxEntry(
      follow.active ? UserFollowed : UserUnfollowed,
      { follower_id: follow.followerId, followee_id: follow.followeeId, version },
      {
        aggregate: { type: 'follow', id: `${follow.followerId}:${follow.followeeId}`, version },
        actor: follow.followerId,
      },
    ),
  ];
}

async function changeBlock(
  transaction: Transaction,
  decision: { userId: string; otherId: string; active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setDecision(transaction, blocks, decision);
  if (version === null) return [];
  return [
    outboxEntry(
      decision.active ? UserBlocked : UserUnblocked,
      { blocker_id: decision.userId, blocked_id: decision.otherId, version },
      {
        aggregate: { type: 'block', id: `${decision.userId}:${decision.otherId}`, version },
        actor: decision.userId,
      },
    ),
  ];
}

async function changeMute(
  transaction: Transaction,
  decision: { userId: string; otherId: string; active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setDecision(transaction, mutes, decision);
  if (version === null) return [];
  return [
    outboxEntry(
      decision.active ? UserMuted : UserUnmuted,
      { muter_id: decision.userId, muted_id: decision.otherId, version },
      {
        aggregate: { type: 'mute', id: `${decision.userId}:${decision.otherId}`, version },
        actor: decision.userId,
      },
    ),
  ];
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
  const { id } = await findActive(deps, username);
  const { limit, after } = readPageQuery<[since: string, otherId: string]>(query, 2);
  const before = after && { since: after[0], otherId: after[1] };
  const rows = await list(deps.database, { userId: id, before, limit: limit + 1 });
  return toPage(
    rows,
    limit,
    (row) => [row.since, row.user.id],
    (row) => profile(row.user),
  );
}
