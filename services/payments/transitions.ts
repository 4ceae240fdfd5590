import {
  ERASED_PAYER,
  PaymentCanceled,
  PaymentCreated,
  PaymentFailed,
  PaymentProcessing,
  PaymentRefunded,
  PaymentSucceeded,
} from '#contracts/events/payments';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { formatAmount } from '#kit/money/amounts';
import type { Transaction } from '#kit/mysql/database';
import { InvalidTransition } from './model';
import { hasApplied, nextState, type Transition } from './rules';
import type { RefundRow } from './store';
import * as store from './store';

export interface Outcome {
  readonly transferId?: string;
  readonly failureCode?: string;
  /** The refund with which the payment is fully refunded. */
  readonly refund?: RefundRow;
}

/**
 * Applies a transition to a locked payment: state, history and event in the given transaction. Idempotent: a payment
 * that has been through the transition is returned unchanged.
 *
 * @throws InvalidTransition when the payment's state does not allow it
 */
export async function applyTransition(
  transaction: Transaction,
  payment: store.PaymentRow,
  transition: Transition,
  by: { actor: string | null; outcome?: Outcome },
): Promise<store.PaymentRow> {
  const state = nextState(payment.state, transition);
  if (state === undefined) {
    if (hasApplied(payment.state, transition)) return payment;
    throw new InvalidTransition();
  }
  const { refund, ...outcome } = by.outcome ?? {};
  await store.updateState(transaction, payment, state, outcome);
  const updated = { ...payment, ...outcome, state, version: payment.version + 1 };
  await writeOutbox(transaction, [eventOf(updated, by.actor, refund)]);
  return updated;
}

/** The event of the state that a payment has just entered. */
export function eventOf(payment: store.PaymentRow, actor: string | null, refund?: RefundRow): OutboxEntry {
  const options = { aggregate: { type: 'payment', id: payment.id, version: payment.version }, actor };
  const data = eventData(payment);
  switch (payment.state) {
    case 'pending':
      return outboxEntry(PaymentCreated, data, options);
    case 'processing':
      return outboxEntry(PaymentProcessing, data, options);
    case 'succeeded':
      return outboxEntry(
        PaymentSucceeded,
        {
          ...data,
          description: payment.description,
          transfer_id: required(payment.transferId),
          succeeded_at: new Date().toISOString(),
        },
        options,
      );
    case 'failed':
      return outboxEntry(PaymentFailed, { ...data, failure_code: required(payment.failureCode) }, options);
    case 'canceled':
      return outboxEntry(PaymentCanceled, data, options);
    case 'refunded':
      if (refund === undefined) throw new Error('payment refunded without a refund');
      return outboxEntry(PaymentRefunded, refundEventData(payment, refund), options);
  }
}

/** The fields that all payment events share. */
export const eventData = (payment: store.PaymentRow) => ({
  payment_id: payment.id,
  user_id: payment.userId ?? ERASED_PAYER,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
});

/** The fields that all refund events share. */
export const refundEventData = (payment: store.PaymentRow, refund: Pick<RefundRow, 'id' | 'amount'>) => ({
  ...eventData(payment),
  refund_id: refund.id,
  refund_amount: formatAmount(refund.amount, payment.currency),
});

function required(value: string | null | undefined): string {
  if (value === null || value === undefined) throw new Error('payment changed state without an outcome');
  return value;
}
