import { PaymentSucceeded } from '#contracts/events/payments';
import { UserDeleted } from '#contracts/events/users';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import type { BillingDeps } from './deps';
import { billPayment } from './service';
import { anonymizeInvoices } from './store';

/** Issues an invoice for each succeeded payment. No inbox: both handlers are idempotent. */
export function subscribe(deps: BillingDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'billing',
    events: [PaymentSucceeded, UserDeleted],
    prefetch: 10,
    // An invoice is still due, and is kept as tax law says.
    keepsParked: true,
    handle: (message) =>
      message.name === 'payment.succeeded'
        ? billPayment(deps, message.data)
        : anonymizeInvoices(deps.database, message.data.id),
  });
}
