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
import { consumeEvents } from '#kit/consume-events';
import type { Rabbit } from '#kit/rabbit';
import { takeOver } from './replicas';
import type { TimelinesDeps } from './service';

/** Keeps copies of people and of how they stand to each other. No inbox: the versions tell what is new. */
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
}
