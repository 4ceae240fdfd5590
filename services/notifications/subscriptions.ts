import { PostDeleted } from '#contracts/events/posts';
import {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserMuted,
  UserUnblocked,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { takeOver } from './replicas';
import type { NotificationsDeps } from './service';

/** Not `notifications`: that is the queue of the worker. */
const CONSUMER = 'notifications-records';

/** Keeps copies of people and of whom they do not hear, and forgets what is gone. */
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
      PostDeleted,
    ],
    prefetch: 20,
    handle: (message) => takeOver(deps, message),
  });
}
