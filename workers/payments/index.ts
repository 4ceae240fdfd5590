import {
  PaymentChargeChanged,
  PaymentCreated,
  PaymentOverdue,
  PaymentRefundChanged,
  PaymentRefundOverdue,
  PaymentRefundRequested,
} from '#contracts/events/payments';
import type { EventWorker } from '#kit/worker';
import type { PaymentsWorkerDeps } from './deps';
import { processPayment } from './payment';
import { processRefund } from './refund';

const EVENTS = [
  PaymentCreated,
  PaymentChargeChanged,
  PaymentOverdue,
  PaymentRefundRequested,
  PaymentRefundChanged,
  PaymentRefundOverdue,
] as const;

/** Processes payments and refunds. Every step is idempotent: whatever is repeated, money moves once. */
export const paymentsWorker = (deps: PaymentsWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'payments', events: EVENTS },
  concurrency: 10,
  handle: ({ data }, context) =>
    'refund_id' in data
      ? processRefund(deps, data.refund_id, context)
      : processPayment(deps, data.payment_id, context),
});
