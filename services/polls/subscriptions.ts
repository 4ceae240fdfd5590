import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { PollsDeps } from './service';
import { forgetPerson } from './store';

/** Forgetting a person twice does no more than once, so no inbox is needed. */
export function subscribe(deps: PollsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'polls',
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => forgetPerson(deps.table, message.data.id),
  });
}
