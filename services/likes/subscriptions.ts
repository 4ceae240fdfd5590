import { PostDeleted } from '#contracts/events/posts';
import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { LikesDeps } from './deps';
import { erasePerson, erasePost } from './store';

/** Erasure is idempotent, so no inbox is needed. */
export function subscribe({ runtime, storage, now }: LikesDeps, rabbit: Rabbit): void {
  consumeEvents(runtime, rabbit, {
    consumer: 'likes',
    events: [UserDeleted, PostDeleted],
    prefetch: 5,
    handle: ({ name, data }) =>
      name === 'user.deleted' ? erasePerson(storage, data.id, now()) : erasePost(storage, data.id, now()),
  });
}
