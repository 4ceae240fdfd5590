import { Type } from '@sinclair/typebox';
import { defineJob, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

/** Does the liked post exist? If not, the like is taken back. */
export const LikeValidate = defineJob({
  name: 'like.validate',
  version: 1,
  tube: 'likes.validation',
  ttrSeconds: 30,
  maxAttempts: 25,
  data: Type.Object({ post_id: TimeOrderedId, user_id: Uuid, liked_at: Timestamp }),
});

/** Tells an author of the likes that have come together since the last time; put with a delay to let them. */
export const LikeNotify = defineJob({
  name: 'like.notify',
  version: 1,
  tube: 'likes.notification',
  ttrSeconds: 60,
  maxAttempts: 15,
  data: Type.Object({ author_id: Uuid }),
});
