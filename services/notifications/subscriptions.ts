import { PostDeleted } from '#contracts/events/posts';
import {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserFollowRequestClosed,
  UserMuted,
  UserUnblocked,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { NotificationsDeps } from './deps';
import { applyEvent } from './replication';

/** Not `notifications`, which is the queue of the worker. */
const CONSUMER = 'notifications-records';

/** Replicates people, blocks and mutes, and deletes obsolete notifications. Idempotent by versions: no inbox. */
export function subscribe(deps: NotificationsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [
      UserCreated,
      UserUpdated,
      UserDeleted,
      UserBlocked,
      UserUnblocked,
      UserMuted,
      UserUnmuted,
      UserFollowRequestClosed,
      PostDeleted,
    ],
    prefetch: 20,
    handle: (message) => applyEvent(deps, message),
  });
}
