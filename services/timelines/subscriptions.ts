import { PostCreated } from '#contracts/events/posts';
import {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserFollowed,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { takeOver } from './replicas';
import type { TimelinesDeps } from './service';
import { appendEntry } from './stream-store';

/** Keeps copies of people and of how they stand to each other, and streams posts. No inbox: versions and ids tell what is new. */
export function subscribe(deps: TimelinesDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines',
    events: [
      UserCreated,
      UserUpdated,
      UserDeleted,
      UserFollowed,
      UserUnfollowed,
      UserBlocked,
      UserUnblocked,
      UserMuted,
      UserUnmuted,
    ],
    prefetch: 20,
    handle: (message) => takeOver(deps, message),
  });
  // Not in the transaction of the post: the positions' lock would make all who post wait for one another.
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines-stream',
    events: [PostCreated],
    prefetch: 20,
    handle: (message) => appendEntry(deps.database, message.data.id),
  });
}
