import { Type } from '@sinclair/typebox';
import { AggregateVersion, defineEvent, TimeOrderedId, Uuid } from '#contracts/messages';

/** The replicated fields of a user. `version` increases with every change of the user. */
const Person = Type.Object({
  id: Uuid,
  username: Type.String({ minLength: 1, maxLength: 30 }),
  display_name: Type.String({ maxLength: 200 }),
  avatar_url: Type.Union([Type.String({ maxLength: 2048 }), Type.Null()]),
  /** False: the user may not sign in. Missing in messages of older publishers. */
  active: Type.Optional(Type.Boolean()),
  version: AggregateVersion,
});

const replicas = ['auth', 'timelines', 'notifications-records'];

export const UserCreated = defineEvent({
  name: 'user.created',
  version: 1,
  exchange: 'users',
  consumers: [...replicas, 'accounts'],
  personal: true,
  data: Person,
});

export const UserUpdated = defineEvent({
  name: 'user.updated',
  version: 1,
  exchange: 'users',
  consumers: replicas,
  personal: true,
  data: Person,
});

/** A user has been deleted. Every service removes or anonymizes their data. */
export const UserDeleted = defineEvent({
  name: 'user.deleted',
  version: 1,
  exchange: 'users',
  consumers: [
    ...replicas,
    'accounts',
    'billing',
    'payments-records',
    'likes',
    'polls',
    'chat',
    // The workers keep nothing of a person but what is parked.
    'mail',
    'notifications',
    'mail-records',
    'media-records',
    'playlists',
    'resumes',
    'archives',
  ],
  data: Type.Object({ id: Uuid, version: AggregateVersion }),
});

/**
 * The permissions of a user have changed, by their roles or by the permissions of a role. `reduced`: something was revoked,
 * so that access tokens issued before must be revoked as well.
 */
export const UserAuthorizationsChanged = defineEvent({
  name: 'user.authorizations-changed',
  version: 1,
  exchange: 'users',
  consumers: ['auth'],
  data: Type.Object({
    user_id: Uuid,
    roles: Type.Array(Type.String({ maxLength: 64 })),
    permissions: Type.Array(Type.String({ maxLength: 80 })),
    active: Type.Boolean(),
    reduced: Type.Boolean(),
    version: AggregateVersion,
  }),
});

const Follow = Type.Object({
  follower_id: Uuid,
  followee_id: Uuid,
  version: AggregateVersion,
});

export const UserFollowed = defineEvent({
  name: 'user.followed',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications'],
  data: Follow,
});

export const UserUnfollowed = defineEvent({
  name: 'user.unfollowed',
  version: 1,
  exchange: 'users',
  consumers: ['timelines'],
  data: Follow,
});

const FollowRequest = { id: TimeOrderedId, follower_id: Uuid, followee_id: Uuid };

/** A user asks to follow a locked profile; its owner is notified. */
export const UserFollowRequested = defineEvent({
  name: 'user.follow-requested',
  version: 1,
  exchange: 'users',
  consumers: ['notifications'],
  data: Type.Object(FollowRequest),
});

/**
 * A follow request is no longer pending: authorized, rejected by the owner of the profile, or withdrawn by the user who
 * asked. Not published when either is deleted: `user.deleted` ends their requests.
 */
export const UserFollowRequestClosed = defineEvent({
  name: 'user.follow-request-closed',
  version: 1,
  exchange: 'users',
  consumers: ['notifications', 'notifications-records'],
  data: Type.Object({
    ...FollowRequest,
    outcome: Type.Union([Type.Literal('authorized'), Type.Literal('rejected'), Type.Literal('withdrawn')]),
  }),
});

const Block = Type.Object({ blocker_id: Uuid, blocked_id: Uuid, version: AggregateVersion });

export const UserBlocked = defineEvent({
  name: 'user.blocked',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications-records', 'chat'],
  data: Block,
});

export const UserUnblocked = defineEvent({
  name: 'user.unblocked',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications-records'],
  data: Block,
});

const Mute = Type.Object({ muter_id: Uuid, muted_id: Uuid, version: AggregateVersion });

export const UserMuted = defineEvent({
  name: 'user.muted',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications-records'],
  data: Mute,
});

export const UserUnmuted = defineEvent({
  name: 'user.unmuted',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications-records'],
  data: Mute,
});
