import { Type } from '@sinclair/typebox';
import { AggregateVersion, defineEvent, Uuid } from '#contracts/messages';

/** What a replica of a person holds. `version` grows with every change of the person. */
const Person = Type.Object({
  id: Uuid,
  username: Type.String({ minLength: 1, maxLength: 30 }),
  display_name: Type.String({ maxLength: 200 }),
  avatar_url: Type.Union([Type.String({ maxLength: 2048 }), Type.Null()]),
  /** False: the person may not sign in. Left out by publishers from before it was told. */
  active: Type.Optional(Type.Boolean()),
  version: AggregateVersion,
});

const keepReplicas = ['auth', 'timelines', 'notifications-records'];

export const UserCreated = defineEvent({
  name: 'user.created',
  version: 1,
  exchange: 'users',
  consumers: [...keepReplicas, 'accounts'],
  data: Person,
});

export const UserUpdated = defineEvent({
  name: 'user.updated',
  version: 1,
  exchange: 'users',
  consumers: keepReplicas,
  data: Person,
});

/** Every service removes or anonymises its part of the person. */
export const UserDeleted = defineEvent({
  name: 'user.deleted',
  version: 1,
  exchange: 'users',
  consumers: [
    ...keepReplicas,
    'accounts',
    'billing',
    'payments-records',
    'likes',
    'polls',
    'chat',
    'mail-records',
    'media-records',
    'playlists',
    'resumes',
  ],
  data: Type.Object({ id: Uuid, version: AggregateVersion }),
});

/**
 * What a person may do has changed, by their own roles or by what those permit. `reduced`: something was taken away, so
 * access tokens from before must not be used any longer.
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

const Block = Type.Object({ blocker_id: Uuid, blocked_id: Uuid, version: AggregateVersion });

export const UserBlocked = defineEvent({
  name: 'user.blocked',
  version: 1,
  exchange: 'users',
  consumers: ['timelines', 'notifications-records'],
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
