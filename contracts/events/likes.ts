import { Type } from '@sinclair/typebox';
import { defineEvent, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

/** A user has liked a post. Published once per user and post, also when it is unliked and liked again. */
export const PostLiked = defineEvent({
  name: 'post.liked',
  version: 1,
  exchange: 'likes',
  consumers: ['notifications'],
  data: Type.Object({ post_id: TimeOrderedId, author_id: Uuid, user_id: Uuid, liked_at: Timestamp }),
});

/** A like of a post that does not exist has been withdrawn; the user is notified. */
export const LikeWithdrawn = defineEvent({
  name: 'like.withdrawn',
  version: 1,
  exchange: 'likes',
  consumers: ['notifications'],
  data: Type.Object({ post_id: TimeOrderedId, user_id: Uuid, withdrawn_at: Timestamp }),
});
