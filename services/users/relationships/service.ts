import type { Caller } from '#kit/auth/caller';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { type OutboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { type Profile, UserNotFound } from '../accounts/model';
import { requireActiveUser } from '../accounts/service';
import { lockUsers, type UserRow } from '../accounts/store';
import { profileView } from '../accounts/views';
import type { UsersDeps } from '../deps';
import { blockChanged, followChanged, muteChanged } from './events';
import { Blocked, FollowLimitReached, NotOneself } from './model';
import * as store from './store';

/** Mastodon's limit. The flag `follow-limit` overrides it. */
const MAX_FOLLOWEES = 7_500;

export const follow = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, async (transaction, target, me) => {
    const blocks = await store.findBlocks(transaction, caller.id, target.id);
    if (blocks.byOne || blocks.byOther)
      throw new Blocked({ detail: 'You have blocked this user, or this user has blocked you.' });
    if (await store.isFollowing(transaction, caller.id, target.id)) return [];
    const max = deps.flags.value('follow-limit', MAX_FOLLOWEES, caller);
    if (me.followeesCount >= max)
      throw new FollowLimitReached({ detail: `You can follow at most ${max} users.` });
    return setFollow(deps, transaction, { followerId: caller.id, followeeId: target.id, active: true });
  });

export const unfollow = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setFollow(deps, transaction, { followerId: caller.id, followeeId: target.id, active: false }),
  );

/** Blocks a user and ends the follows in both directions. */
export const block = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, async (transaction, target) => [
    ...(await setFollow(deps, transaction, { followerId: caller.id, followeeId: target.id, active: false })),
    ...(await setFollow(deps, transaction, { followerId: target.id, followeeId: caller.id, active: false })),
    ...(await setBlock(transaction, { userId: caller.id, otherId: target.id, active: true })),
  ]);

export const unblock = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setBlock(transaction, { userId: caller.id, otherId: target.id, active: false }),
  );

export const mute = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setMute(transaction, { userId: caller.id, otherId: target.id, active: true }),
  );

export const unmute = (deps: UsersDeps, caller: Caller, username: string) =>
  changeRelationship(deps, caller, username, (transaction, target) =>
    setMute(transaction, { userId: caller.id, otherId: target.id, active: false }),
  );

/** Locks both users, then makes the change and writes its events in one transaction. */
async function changeRelationship(
  deps: UsersDeps,
  caller: Caller,
  username: string,
  change: (transaction: Transaction, target: UserRow, me: UserRow) => Promise<OutboxEntry[]>,
): Promise<void> {
  const { id } = await requireActiveUser(deps, username);
  if (id === caller.id) throw new NotOneself();
  const changed = await inTransaction(deps.database, async (transaction) => {
    const locked = await lockUsers(transaction, [caller.id, id]);
    const [me, target] = [locked.get(caller.id), locked.get(id)];
    if (me === undefined || target === undefined) throw new UserNotFound();
    const entries = await change(transaction, target, me);
    await writeOutbox(transaction, entries);
    return entries.length > 0;
  });
  if (changed) deps.outbox.wake();
}

async function setFollow(
  deps: UsersDeps,
  transaction: Transaction,
  follow: { followerId: string; followeeId: string; active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setFollow(transaction, { ...follow, since: deps.nextId() });
  return version === null ? [] : [followChanged(follow, version)];
}

async function setBlock(transaction: Transaction, restriction: store.Restriction): Promise<OutboxEntry[]> {
  const version = await store.setBlock(transaction, restriction);
  return version === null ? [] : [blockChanged(restriction, version)];
}

async function setMute(transaction: Transaction, restriction: store.Restriction): Promise<OutboxEntry[]> {
  const version = await store.setMute(transaction, restriction);
  return version === null ? [] : [muteChanged(restriction, version)];
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
  const { limit, after } = readPageQuery<[since: string, otherId: string]>(query, 2);
  const before = after && { since: after[0], otherId: after[1] };
  const rows = await list(deps.database, { userId: id, before, limit: limit + 1 });
  return toPage(
    rows,
    limit,
    (row) => [row.since, row.user.id],
    (row) => profileView(row.user),
  );
}
