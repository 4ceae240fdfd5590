import { Type } from '@sinclair/typebox';
import { defineJob, TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

/** Check that a liked post exists; otherwise withdraw the like. */
export const LikeValidate = defineJob({
  name: 'like.validate',
  version: 1,
  tube: 'likes.validation',
  publishers: ['likes'],
  ttrSeconds: 30,
  maxAttempts: 25,
  data: Type.Object({ post_id: TimeOrderedId, user_id: Uuid, liked_at: Timestamp }),
});

/** Notify an author of the likes since the last notification; delayed, to collect them. */
export const LikeNotify = defineJob({
  name: 'like.notify',
  version: 1,
  tube: 'likes.notification',
  publishers: ['likes'],
  ttrSeconds: 60,
  maxAttempts: 15,
  data: Type.Object({ author_id: Uuid }),
});
