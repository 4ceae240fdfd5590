import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { ExampleItemsDeps } from './service';
import { deleteItemsOf } from './store';

/** What belongs to a person goes with them. Deleting twice does no more than once, so no inbox is needed. */
export function subscribe(deps: ExampleItemsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'example-items',
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => deleteItemsOf(deps.database, message.data.id),
  });
}
