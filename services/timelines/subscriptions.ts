import { PostCreated, PostDeleted } from '#contracts/events/posts';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { TimelinesDeps } from './deps';
import { appendPost } from './live/store';
import { applyEvent, USER_EVENTS } from './people/replication';

/** Replicates people and their relations, and feeds the live timelines. Idempotent by versions and ids: no inbox. */
export function subscribe(deps: TimelinesDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines',
    events: USER_EVENTS,
    prefetch: 20,
    handle: (message) => applyEvent(deps, message),
  });
  // Not in the transaction that creates the post: the lock on the head would serialize all of these.
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines-stream',
    events: [PostCreated],
    prefetch: 20,
    handle: ({ data }) => appendPost(deps.database, { id: data.id, authorId: data.author_id }),
  });
  // Announced again: whoever deleted the post may have been killed before it announced that.
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines-deletions',
    events: [PostDeleted],
    prefetch: 20,
    handle: ({ data }) => deps.changes.announce([{ kind: 'post', postId: data.id }]),
  });
}
