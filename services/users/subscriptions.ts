import { AvatarChanged } from '#contracts/events/media';
import { PostCreated, PostDeleted } from '#contracts/events/posts';
import { consumeEventsOnce, trimInbox } from '#kit/messaging/inbox';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import type { UsersDeps } from './accounts/lifecycle';
import { takeOverAvatar } from './accounts/service';
import { addToPostsCount } from './accounts/store';

/** Counts people's posts as timelines tells of them, and shows the avatars that media tells of. */
export function subscribe(deps: UsersDeps, rabbit: Rabbit): void {
  trimInbox(deps.runtime, deps.database);
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users',
    events: [PostCreated, PostDeleted],
    prefetch: 20,
    handle: (message, transaction) =>
      addToPostsCount(transaction, message.data.author_id, message.name === 'post.created' ? 1 : -1),
  });
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users-avatars',
    events: [AvatarChanged],
    // In the order they were published: the last one stays.
    prefetch: 1,
    handle: ({ data }, transaction) => takeOverAvatar(transaction, data.user_id, data.avatar_url),
  });
}
