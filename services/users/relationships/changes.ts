import type { OutboxEntry } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { UsersDeps } from '../deps';
import {
  blockChanged,
  followChanged,
  followRequestClosed,
  followRequested,
  muteChanged,
  type RequestOutcome,
} from './events';
import * as requests from './requests-store';
import * as store from './store';

/** Each change returns its event; none if the relationship was in this state already. Both users must be locked. */
export async function setFollow(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  follow: requests.FollowPair & { active: boolean },
): Promise<OutboxEntry[]> {
  const version = await store.setFollow(transaction, { ...follow, since: await deps.nextId() });
  return version === null ? [] : [followChanged(follow, version)];
}

/** Asks to follow a locked profile. There must be no request yet. */
export async function requestFollow(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  pair: requests.FollowPair,
): Promise<OutboxEntry[]> {
  const request = { ...pair, since: await deps.nextId() };
  await requests.insertRequest(transaction, request);
  return [followRequested(request)];
}

/** Deletes a pending request. */
export async function closeRequest(
  transaction: Transaction,
  pair: requests.FollowPair,
  outcome: RequestOutcome,
): Promise<OutboxEntry[]> {
  const request = await requests.deleteRequest(transaction, pair);
  return request === undefined ? [] : [followRequestClosed(request, outcome)];
}

/** Ends a follow, or the request for it. @param pair.endedBy one of the two */
export async function endFollow(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  { endedBy, ...pair }: requests.FollowPair & { endedBy: string },
): Promise<OutboxEntry[]> {
  const outcome = endedBy === pair.followerId ? 'withdrawn' : 'rejected';
  return [
    ...(await closeRequest(transaction, pair, outcome)),
    ...(await setFollow(deps, transaction, { ...pair, active: false })),
  ];
}

/** Turns a request into a follow. @returns undefined if there is no request */
export async function acceptRequest(
  deps: Pick<UsersDeps, 'nextId'>,
  transaction: Transaction,
  pair: requests.FollowPair,
): Promise<OutboxEntry[] | undefined> {
  const closed = await closeRequest(transaction, pair, 'authorized');
  if (closed.length === 0) return undefined;
  return [...closed, ...(await setFollow(deps, transaction, { ...pair, active: true }))];
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
