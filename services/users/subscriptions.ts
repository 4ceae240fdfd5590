import { AvatarChanged } from '#contracts/events/media';
import { PostCreated, PostDeleted, PostImported } from '#contracts/events/posts';
import type { MessageOf } from '#contracts/messages';
import { consumeEventBatchesOnce, consumeEventsOnce, trimInbox } from '#kit/messaging/inbox';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { applyAvatar } from './accounts/lifecycle';
import { addToPostsCounts } from './accounts/store';
import type { UsersDeps } from './deps';

/** Maintains the post counts from timelines events and the avatars from media events. */
export function subscribe(deps: Pick<UsersDeps, 'runtime' | 'database'>, rabbit: Rabbit): void {
  trimInbox(deps.runtime, deps.database);
  consumeEventBatchesOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users',
    events: [PostCreated, PostImported, PostDeleted],
    prefetch: 200,
    handle: (messages, transaction) => addToPostsCounts(transaction, postsByAuthor(messages)),
  });
  consumeEventsOnce(deps.runtime, rabbit, deps.database, {
    consumer: 'users-avatars',
    events: [AvatarChanged],
    // In publication order, so that the last change wins.
    prefetch: 1,
    handle: ({ data }, transaction) => applyAvatar(transaction, data.user_id, data.avatar_url),
  });
}

type PostEvent = MessageOf<typeof PostCreated | typeof PostImported | typeof PostDeleted>;

/** How many posts more each author has. */
function postsByAuthor(messages: readonly PostEvent[]): Map<string, number> {
  const changes = new Map<string, number>();
  for (const { name, data } of messages)
    changes.set(data.author_id, (changes.get(data.author_id) ?? 0) + (name === 'post.deleted' ? -1 : 1));
  return changes;
}
