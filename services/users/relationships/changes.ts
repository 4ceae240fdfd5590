import type { OutboxEntry } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { UsersDeps } from '../deps';
import { blockChanged, followChanged, muteChanged } from './events';
import * as requests from './requests-store';
import * as store from './store';

/** Each change returns its event; none if the relationship was in this state already. Both users must be locked. */
export async function setFollow(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  follow: requests.FollowPair & { active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setFollow(transaction, { ...follow, since: deps.nextId() });
  return version === null ? [] : [followChanged(follow, version)];
}

/** Ends a follow, or withdraws the request for it. */
export async function endFollow(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  pair: requests.FollowPair,
): Promise<OutboxEntry[]> {
  await requests.deleteRequest(transaction, pair);
  return setFollow(deps, transaction, { ...pair, active: false });
}

/** Turns a request into a follow. @returns undefined if there is no request */
export async function acceptRequest(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  pair: requests.FollowPair,
): Promise<OutboxEntry[] | undefined> {
  if (!(await requests.deleteRequest(transaction, pair))) return undefined;
  return setFollow(deps, transaction, { ...pair, active: true });
}

export async function setBlock(
  transaction: Transaction,
  restriction: store.Restriction,
): Promise<OutboxEntry[]> {
  const version = await store.setBlock(transaction, restriction);
  return version === null ? [] : [blockChanged(restriction, version)];
}

export async function setMute(
  transaction: Transaction,
  restriction: store.Restriction,
): Promise<OutboxEntry[]> {
  const version = await store.setMute(transaction, restriction);
  return version === null ? [] : [muteChanged(restriction, version)];
}
