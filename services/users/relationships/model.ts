import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';

export const NotOneself = defineProblem('user.not-oneself', 422, 'Cannot target your own account');
export const Blocked = defineProblem('user.blocked', 403, 'User blocked');
export const FollowLimitReached = defineProblem('user.follow-limit', 403, 'Follow limit reached');
export const FollowRequestNotFound = defineProblem(
  'user.follow-request-not-found',
  404,
  'Follow request not found',
);

/** The relationship of the caller with a user; the names are Mastodon's. */
export const Relationship = Type.Object({
  following: Type.Boolean(),
  followed_by: Type.Boolean(),
  requested: Type.Boolean({ description: 'Whether my request to follow waits for approval' }),
  requested_by: Type.Boolean({ description: 'Whether the user waits for my approval' }),
  blocking: Type.Boolean(),
  blocked_by: Type.Boolean(),
  muting: Type.Boolean(),
});
export type Relationship = Static<typeof Relationship>;

/** Where the caller stands with a user after asking to follow them. */
export const FollowState = Type.Object({
  following: Type.Boolean(),
  requested: Type.Boolean({ description: 'Whether the request waits for approval' }),
});
export type FollowState = Static<typeof FollowState>;
