import { formatAmount } from '#kit/money/amounts';
import type { Payment, Refund } from './model';
import type { PaymentRow, RefundRow } from './store';

export const paymentView = (payment: PaymentRow): Payment => ({
  id: payment.id,
  status: payment.state,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  description: payment.description,
  account_id: payment.accountId,
  payment_method: payment.paymentMethod,
  failure_code: payment.failureCode,
  transaction_id: payment.transferId,
  created_at: payment.createdAt.toISOString(),
  updated_at: payment.updatedAt.toISOString(),
});

export const refundView = (refund: RefundRow): Refund => ({
  id: refund.id,
  payment_id: refund.paymentId,
  status: refund.state,
  failure_code: refund.failureCode,
  created_at: refund.createdAt.toISOString(),
});
