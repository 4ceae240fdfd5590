import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { PollsDeps } from './deps';
import { erasePerson } from './store';

/** Erasure is idempotent, so no inbox is needed. */
export function subscribe(deps: PollsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'polls',
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => erasePerson(deps.table, message.data.id),
  });
}
