import { PostCreated, PostDeleted } from '#contracts/events/posts';
import { consumeEvents } from '#kit/consume-events';
import { onceInTransaction } from '#kit/inbox';
import type { Rabbit } from '#kit/rabbit';
import type { UsersDeps } from './service';
import { addToPostsCount } from './store';

/** Counts people's posts as timelines tells of them. */
export function subscribe(deps: UsersDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'users',
    events: [PostCreated, PostDeleted],
    prefetch: 20,
    handle: async (message) => {
      await onceInTransaction(deps.database, 'users', message.id, (transaction) =>
        addToPostsCount(transaction, message.data.author_id, message.name === 'post.created' ? 1 : -1),
      );
    },
  });
}
