import { formatAmount } from '#kit/money/amounts';
import type { Payment, Refund } from './model';
import type { PaymentRow, RefundRow } from './store';

/** @param refunded the total of succeeded refunds, in minor units */
export const paymentView = (payment: PaymentRow, refunded: bigint): Payment => ({
  id: payment.id,
  status: payment.state,
  amount: formatAmount(payment.amount, payment.currency),
  refunded_amount: formatAmount(refunded, payment.currency),
  currency: payment.currency,
  description: payment.description,
  account_id: payment.accountId,
  payment_method: payment.paymentMethod,
  failure_code: payment.failureCode,
  transaction_id: payment.transferId,
  created_at: payment.createdAt.toISOString(),
  updated_at: payment.updatedAt.toISOString(),
});

export const refundView = (refund: RefundRow, currency: string): Refund => ({
  id: refund.id,
  payment_id: refund.paymentId,
  amount: formatAmount(refund.amount, currency),
  currency,
  reason: refund.reason,
  status: refund.state,
  failure_code: refund.failureCode,
  created_at: refund.createdAt.toISOString(),
});
