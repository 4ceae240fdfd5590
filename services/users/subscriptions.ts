import { AvatarChanged } from '#contracts/events/media';
import { PostCreated, PostDeleted, PostImported } from '#contracts/events/posts';
import { consumeEventsOnce, trimInbox } from '#kit/messaging/inbox';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { applyAvatar } from './accounts/lifecycle';
import { addToPostsCount } from './accounts/store';
import type { UsersDeps } from './deps';

/** Maintains the post counts from timelines events and the avatars from media events. */
export function subscribe(deps: Pick<UsersDeps, 'runtime' | 'database'>, rabbit: Rabbit): void {
  trimInbox(deps.runtime, deps.database);
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users',
    events: [PostCreated, PostImported, PostDeleted],
    prefetch: 100,
    batch: 50,
    handle: (message, transaction) =>
      addToPostsCount(transaction, message.data.author_id, message.name === 'post.deleted' ? -1 : 1),
  });
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users-avatars',
    events: [AvatarChanged],
    // In publication order, so that the last change wins.
    prefetch: 1,
    handle: ({ data }, transaction) => applyAvatar(transaction, data.user_id, data.avatar_url),
  });
}
