import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { forgetPerson, type MediaDeps } from './service';

/** Not `media`: that is the queue of the worker. Forgetting twice does no more than once, so no inbox is needed. */
const CONSUMER = 'media-records';

export function subscribe(deps: MediaDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 2,
    handle: (message) => forgetPerson(deps, message.data.id),
  });
}
