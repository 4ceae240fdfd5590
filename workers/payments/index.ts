import {
  PaymentCreated,
  PaymentOverdue,
  PaymentRefundOverdue,
  PaymentRefundRequested,
} from '#contracts/events/payments';
import type { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import type { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import type { GrpcClient } from '#kit/grpc/client';
import type { EventWorker } from '#kit/worker';
import { carryOut } from './payment';
import type { Provider } from './provider';
import { giveBack } from './refund';

const EVENTS = [PaymentCreated, PaymentOverdue, PaymentRefundRequested, PaymentRefundOverdue] as const;

export interface PaymentsWorkerDeps {
  readonly payments: GrpcClient<PaymentsServiceDefinition>;
  readonly accounts: GrpcClient<AccountsServiceDefinition>;
  readonly provider: Provider;
}

/** Carries payments through their states, and gives them back. Safe to repeat at any step: money moves once. */
export const paymentsWorker = (deps: PaymentsWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'payments', events: EVENTS },
  concurrency: 10,
  handle: (message, context) =>
    message.name === 'payment.created' || message.name === 'payment.overdue'
      ? carryOut(deps, message.data.payment_id, context)
      : giveBack(deps, message.data.refund_id, context),
});
