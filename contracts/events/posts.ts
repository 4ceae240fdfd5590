import { Type } from '@sinclair/typebox';
import { defineEvent, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

export const PostVisibility = Type.Union([
  Type.Literal('public'),
  Type.Literal('followers'),
  Type.Literal('mentioned'),
]);

/** The text does not travel: who needs it asks for the post, and sees what they may see. */
export const PostCreated = defineEvent({
  name: 'post.created',
  version: 1,
  exchange: 'posts',
  consumers: ['users', 'timelines-stream', 'notifications'],
  data: Type.Object({
    id: TimeOrderedId,
    author_id: Uuid,
    visibility: PostVisibility,
    mentions: Type.Array(Uuid, { maxItems: 100, description: 'People named in the text who exist' }),
    reply_to: Type.Union([TimeOrderedId, Type.Null()]),
    reply_to_author_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    root_id: Type.Union([TimeOrderedId, Type.Null()]),
    repost_of: Type.Union([TimeOrderedId, Type.Null()]),
    repost_of_author_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    created_at: Timestamp,
  }),
});

export const PostDeleted = defineEvent({
  name: 'post.deleted',
  version: 1,
  exchange: 'posts',
  consumers: ['likes', 'users', 'notifications-records'],
  data: Type.Object({ id: TimeOrderedId, author_id: Uuid }),
});
