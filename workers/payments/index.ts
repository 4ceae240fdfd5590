import {
  PaymentCreated,
  PaymentOverdue,
  PaymentRefundOverdue,
  PaymentRefundRequested,
} from '#contracts/events/payments';
import type { EventWorker } from '#kit/worker';
import type { PaymentsWorkerDeps } from './deps';
import { processPayment } from './payment';
import { processRefund } from './refund';

const EVENTS = [PaymentCreated, PaymentOverdue, PaymentRefundRequested, PaymentRefundOverdue] as const;

/** Processes payments and refunds. Every step is idempotent: whatever is repeated, money moves once. */
export const paymentsWorker = (deps: PaymentsWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'payments', events: EVENTS },
  concurrency: 10,
  handle: (message, context) =>
    message.name === 'payment.created' || message.name === 'payment.overdue'
      ? processPayment(deps, message.data.payment_id, context)
      : processRefund(deps, message.data.refund_id, context),
});
