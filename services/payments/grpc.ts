import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { formatAmount } from '#kit/money/amounts';
import type { PaymentsDeps } from './deps';
import { finishRefund, readRefund } from './refunds';
import { beginPayment, finishPayment } from './service';
import type { PaymentRow, RefundRow } from './store';

/** The state transitions of payments and refunds, for the payments worker. */
export const paymentsGrpc = (deps: PaymentsDeps) =>
  grpcService(PaymentsServiceDefinition, {
    async beginPayment({ payment_id }) {
      return { payment: paymentMessage(await beginPayment(deps, payment_id)) };
    },
    async finishPayment({ payment_id, outcome }) {
      if (outcome === undefined)
        throw new ValidationFailed({
          errors: [{ field: 'outcome', message: 'Either transfer_id or failure_code' }],
        });
      const result =
        outcome.$case === 'transfer_id' ? { transferId: outcome.value } : { failureCode: outcome.value };
      return { payment: paymentMessage(await finishPayment(deps, payment_id, result)) };
    },
    async getRefund({ refund_id }) {
      const { refund, payment } = await readRefund(deps, refund_id);
      return { refund: refundMessage(refund, payment.currency) };
    },
    async finishRefund({ refund_id, failure_code }) {
      const { refund, payment } = await finishRefund(deps, refund_id, failure_code);
      return { refund: refundMessage(refund, payment.currency) };
    },
  });

const paymentMessage = (payment: PaymentRow) => ({
  id: payment.id,
  user_id: payment.userId ?? '',
  account_id: payment.accountId ?? undefined,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  description: payment.description,
  payment_method: payment.paymentMethod,
  state: payment.state,
});

const refundMessage = (refund: RefundRow, currency: string) => ({
  id: refund.id,
  payment_id: refund.paymentId,
  state: refund.state,
  amount: formatAmount(refund.amount, currency),
});
