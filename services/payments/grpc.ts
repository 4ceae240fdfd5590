import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { formatAmount } from '#kit/money/amounts';
import { finishRefund, readRefund } from './refunds';
import { beginPayment, finishPayment, type PaymentsDeps } from './service';
import type { PaymentRow, RefundRow } from './store';

/** What the worker asks and tells that carries payments through their states. */
export const paymentsGrpc = (deps: PaymentsDeps) =>
  grpcService(PaymentsServiceDefinition, {
    async beginPayment({ payment_id }) {
      return { payment: paymentOf(await beginPayment(deps, payment_id)) };
    },
    async finishPayment({ payment_id, outcome }) {
      if (outcome === undefined)
        throw new ValidationFailed({ errors: [{ field: 'outcome', message: 'How it ended' }] });
      const ended =
        outcome.$case === 'transfer_id' ? { transferId: outcome.value } : { failureCode: outcome.value };
      return { payment: paymentOf(await finishPayment(deps, payment_id, ended)) };
    },
    async getRefund({ refund_id }) {
      return { refund: refundOf(await readRefund(deps, refund_id)) };
    },
    async finishRefund({ refund_id, failure_code }) {
      return { refund: refundOf(await finishRefund(deps, refund_id, failure_code)) };
    },
  });

const paymentOf = (payment: PaymentRow) => ({
  id: payment.id,
  user_id: payment.userId ?? '',
  account_id: payment.accountId ?? undefined,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  description: payment.description,
  payment_method: payment.paymentMethod,
  state: payment.state,
});

const refundOf = (refund: RefundRow) => ({
  id: refund.id,
  payment_id: refund.paymentId,
  state: refund.state,
});
