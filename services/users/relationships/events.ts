import {
  UserBlocked,
  UserFollowed,
  UserFollowRequestClosed,
  UserFollowRequested,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
} from '#contracts/events/users';
import { type OutboxEntry, outboxEntry } from '#kit/messaging/outbox';
import type { FollowRequest } from './requests-store';
import type { Restriction } from './store';

export const followChanged = (
  { followerId, followeeId, active }: { followerId: string; followeeId: string; active: boolean },
  version: number,
): OutboxEntry =>
  outboxEntry(
    active ? UserFollowed : UserUnfollowed,
    { follower_id: followerId, followee_id: followeeId, version },
    { aggregate: { type: 'follow', id: `${followerId}:${followeeId}`, version }, actor: followerId },
  );

export const followRequested = (request: FollowRequest): OutboxEntry =>
  outboxEntry(UserFollowRequested, requestData(request), {
    aggregate: requestAggregate(request),
    actor: request.followerId,
  });

/** Why a follow request is no longer pending. */
export type RequestOutcome = 'authorized' | 'rejected' | 'withdrawn';

export const followRequestClosed = (request: FollowRequest, outcome: RequestOutcome): OutboxEntry =>
  outboxEntry(
    UserFollowRequestClosed,
    { ...requestData(request), outcome },
    {
      aggregate: requestAggregate(request),
      actor: outcome === 'withdrawn' ? request.followerId : request.followeeId,
    },
  );

const requestData = ({ since, followerId, followeeId }: FollowRequest) => ({
  id: since,
  follower_id: followerId,
  followee_id: followeeId,
});

/** A new request of the same pair has a later id. */
const requestAggregate = ({ since, followerId, followeeId }: FollowRequest) => ({
  type: 'follow-request',
  id: `${followerId}:${followeeId}`,
  version: Number(since),
});

export const blockChanged = ({ userId, otherId, active }: Restriction, version: number): OutboxEntry =>
  outboxEntry(
    active ? UserBlocked : UserUnblocked,
    { blocker_id: userId, blocked_id: otherId, version },
    { aggregate: { type: 'block', id: `${userId}:${otherId}`, version }, actor: userId },
  );

export const muteChanged = ({ userId, otherId, active }: Restriction, version: number): OutboxEntry =>
  outboxEntry(
    active ? UserMuted : UserUnmuted,
    { muter_id: userId, muted_id: otherId, version },
    { aggregate: { type: 'mute', id: `${userId}:${otherId}`, version }, actor: userId },
  );
