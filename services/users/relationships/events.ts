import {
  UserBlocked,
  UserFollowed,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
} from '#contracts/events/users';
import { type OutboxEntry, outboxEntry } from '#kit/messaging/outbox';
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
