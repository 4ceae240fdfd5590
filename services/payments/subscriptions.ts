import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { PaymentsDeps } from './service';
import { forgetPerson } from './store';

/** Not `payments`: that is the queue of the worker. Forgetting twice does no more than once, so no inbox is needed. */
const CONSUMER = 'payments-records';

export function subscribe(deps: PaymentsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => forgetPerson(deps.database, message.data.id),
  });
}
