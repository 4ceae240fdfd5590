import { Type } from '@sinclair/typebox';
import { PostVisibility } from '#contracts/events/posts';
import { defineJob, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

/** Create a post accepted by `POST /posts/async`, under the id returned to the client. */
export const PostCreate = defineJob({
  name: 'post.create',
  version: 1,
  tube: 'posts',
  publishers: ['timelines'],
  ttrSeconds: 30,
  maxAttempts: 25,
  data: Type.Object({
    id: TimeOrderedId,
    author_id: Uuid,
    username: Type.String({ minLength: 1, maxLength: 30 }),
    text: Type.String({ maxLength: 20_000 }),
    reply_to: Type.Union([TimeOrderedId, Type.Null()]),
    repost_of: Type.Union([TimeOrderedId, Type.Null()]),
    media_ids: Type.Array(Uuid, { maxItems: 16 }),
    poll_id: Type.Union([Uuid, Type.Null()]),
    visibility: PostVisibility,
    created_at: Timestamp,
    idempotency_key: Type.Union([Type.String({ maxLength: 255 }), Type.Null()]),
  }),
});

/** Deliver a post to one batch of its author's followers: those after `after_follower` in the order of ids. */
export const PostFanOut = defineJob({
  name: 'post.fan-out',
  version: 1,
  tube: 'fanout',
  // A batch puts the next one.
  publishers: ['timelines', 'fanout'],
  ttrSeconds: 60,
  maxAttempts: 25,
  data: Type.Object({
    post_id: TimeOrderedId,
    author_id: Uuid,
    after_follower: Type.Union([Uuid, Type.Null()]),
    imported: Type.Optional(
      Type.Boolean({ description: 'Restored from an archive: its age is no measure of the fan-out' }),
    ),
  }),
});
