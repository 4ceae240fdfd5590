import { defineProblem } from '#kit/errors/problem';

export const NotOneself = defineProblem('user.not-oneself', 422, 'Cannot target your own account');
export const Blocked = defineProblem('user.blocked', 403, 'User blocked');
export const FollowLimitReached = defineProblem('user.follow-limit', 403, 'Follow limit reached');
