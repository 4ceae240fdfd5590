import { PostCreated, PostDeleted } from '#contracts/events/posts';
import { consumeEventsOnce } from '#kit/inbox';
import type { Rabbit } from '#kit/rabbit';
import type { UsersDeps } from './accounts';
import { addToPostsCount } from './store';

/** Counts people's posts as timelines tells of them. */
export function subscribe(deps: UsersDeps, rabbit: Rabbit): void {
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users',
    events: [PostCreated, PostDeleted],
    prefetch: 20,
    handle: (message, transaction) =>
      addToPostsCount(transaction, message.data.author_id, message.name === 'post.created' ? 1 : -1),
  });
}
