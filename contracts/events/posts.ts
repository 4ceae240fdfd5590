import { Type } from '@sinclair/typebox';
import { defineEvent, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

export const PostVisibility = Type.Union([
  Type.Literal('public'),
  Type.Literal('followers'),
  Type.Literal('mentioned'),
]);

/** The files of a post. Missing in messages of older publishers. */
const MediaIds = Type.Optional(Type.Array(Uuid, { maxItems: 100 }));

/** A post has been created. The text is not included: consumers fetch the post, which enforces its visibility. */
export const PostCreated = defineEvent({
  name: 'post.created',
  version: 1,
  exchange: 'posts',
  publishers: ['timelines'],
  consumers: ['users', 'timelines-stream', 'notifications', 'media-records'],
  data: Type.Object({
    id: TimeOrderedId,
    author_id: Uuid,
    visibility: PostVisibility,
    mentions: Type.Array(Uuid, { maxItems: 100, description: 'Mentioned users who exist' }),
    reply_to: Type.Union([TimeOrderedId, Type.Null()]),
    reply_to_author_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    root_id: Type.Union([TimeOrderedId, Type.Null()]),
    repost_of: Type.Union([TimeOrderedId, Type.Null()]),
    repost_of_author_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    is_quote: Type.Optional(
      Type.Boolean({ description: 'Whether the post has content of its own about the post in `repost_of`' }),
    ),
    media_ids: MediaIds,
    created_at: Timestamp,
  }),
});

/** A post of an archive has been restored. Nobody is notified, and it is not streamed. */
export const PostImported = defineEvent({
  name: 'post.imported',
  version: 1,
  exchange: 'posts',
  publishers: ['timelines'],
  consumers: ['users', 'media-records'],
  data: Type.Object({
    id: TimeOrderedId,
    author_id: Uuid,
    visibility: PostVisibility,
    media_ids: Type.Array(Uuid, { maxItems: 16 }),
  }),
});

/** A post has been deleted, by its author, a moderator or with its author's account. */
export const PostDeleted = defineEvent({
  name: 'post.deleted',
  version: 1,
  exchange: 'posts',
  publishers: ['timelines'],
  consumers: ['timelines-deletions', 'likes', 'users', 'notifications-records', 'media-records'],
  data: Type.Object({ id: TimeOrderedId, author_id: Uuid, media_ids: MediaIds }),
});
