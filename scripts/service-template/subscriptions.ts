import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { ExampleItemsDeps } from './deps';
import { deleteItemsOf } from './store';

/** Deletes the items of deleted users. No inbox: deleting is idempotent. */
export function subscribe(deps: ExampleItemsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'example-items',
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => deleteItemsOf(deps.database, message.data.id),
  });
}
