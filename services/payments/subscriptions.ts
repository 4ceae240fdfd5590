import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { PaymentsDeps } from './deps';
import { anonymizePayments } from './store';

/** `payments` is the queue of the worker. */
const CONSUMER = 'payments-records';

/** No inbox: anonymizing is idempotent. */
export function subscribe(deps: PaymentsDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted],
    prefetch: 5,
    handle: (message) => anonymizePayments(deps.database, message.data.id),
  });
}
