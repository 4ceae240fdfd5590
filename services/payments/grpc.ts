import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { formatAmount } from '#kit/money/amounts';
import type { PaymentsDeps } from './deps';
import { finishRefund, readRefund } from './refunds';
import { beginPayment, finishPayment, recordCharge } from './service';
import type { PaymentRow, RefundRow } from './store';

/** The state transitions of payments and refunds, for the payments worker. */
export const paymentsGrpc = (deps: PaymentsDeps) =>
  grpcService(PaymentsServiceDefinition, {
    async beginPayment({ payment_id }) {
      return { payment: paymentMessage(await beginPayment(deps, payment_id)) };
    },
    async recordCharge({ payment_id, provider, provider_reference, client_secret }) {
      requireText('provider', provider, 16);
      requireText('provider_reference', provider_reference, 255);
      const charge = {
        provider,
        providerReference: provider_reference,
        clientSecret: client_secret === undefined ? null : requireText('client_secret', client_secret, 255),
      };
      return { payment: paymentMessage(await recordCharge(deps, payment_id, charge)) };
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
      return { refund: refundMessage(refund, payment) };
    },
    async finishRefund({ refund_id, failure_code }) {
      const { refund, payment } = await finishRefund(deps, refund_id, failure_code);
      return { refund: refundMessage(refund, payment) };
    },
  });

function requireText(field: string, text: string, maxLength: number): string {
  if (text.length === 0 || text.length > maxLength)
    throw new ValidationFailed({ errors: [{ field, message: `1 to ${maxLength} characters` }] });
  return text;
}

const paymentMessage = (payment: PaymentRow) => ({
  id: payment.id,
  user_id: payment.userId ?? '',
  account_id: payment.accountId ?? undefined,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  description: payment.description,
  payment_method: payment.paymentMethod,
  state: payment.state,
  ...chargeFields(payment),
  created_at: payment.createdAt.toISOString(),
});

const refundMessage = (refund: RefundRow, payment: PaymentRow) => ({
  id: refund.id,
  payment_id: refund.paymentId,
  state: refund.state,
  amount: formatAmount(refund.amount, payment.currency),
  currency: payment.currency,
  ...chargeFields(payment),
});

const chargeFields = ({ provider, providerReference }: PaymentRow) => ({
  provider: provider ?? undefined,
  provider_reference: providerReference ?? undefined,
});
