import { PaymentSucceeded } from '#contracts/events/payments';
import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { type BillingDeps, billPayment } from './service';
import { forgetPerson } from './store';

/** Writes an invoice for each payment. No inbox: there is one invoice for a payment, however often it is told of. */
export function subscribe(deps: BillingDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'billing',
    events: [PaymentSucceeded, UserDeleted],
    prefetch: 10,
    handle: (message) =>
      message.name === 'payment.succeeded'
        ? billPayment(deps, message.data)
        : forgetPerson(deps.database, message.data.id),
  });
}
