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
import { WrongState } from './model';
import { hasTaken, nextState, type Step } from './rules';
import * as store from './store';

export interface Outcome {
  readonly transferId?: string;
  readonly failureCode?: string;
  readonly refundId?: string;
}

/**
 * Takes a locked payment one step further: state, history and event in the transaction given. A payment that has been
 * through the step stays as it is.
 *
 * @throws WrongState when the step cannot be taken
 */
export async function advance(
  transaction: Transaction,
  payment: store.PaymentRow,
  step: Step,
  by: { actor: string | null; outcome?: Outcome },
): Promise<store.PaymentRow> {
  const state = nextState(payment.state, step);
  if (state === undefined) {
    if (hasTaken(payment.state, step)) return payment;
    throw new WrongState();
  }
  const { refundId, ...outcome } = by.outcome ?? {};
  await store.changeState(transaction, payment, state, outcome);
  const changed = { ...payment, ...outcome, state, version: payment.version + 1 };
  await writeOutbox(transaction, [eventOf(changed, by.actor, refundId)]);
  return changed;
}

/** What is told of a payment that has just come into its state. */
export function eventOf(payment: store.PaymentRow, actor: string | null, refundId?: string): OutboxEntry {
  const options = { aggregate: { type: 'payment', id: payment.id, version: payment.version }, actor };
  const data = factsOf(payment);
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
          transfer_id: known(payment.transferId),
          succeeded_at: new Date().toISOString(),
        },
        options,
      );
    case 'failed':
      return outboxEntry(PaymentFailed, { ...data, failure_code: known(payment.failureCode) }, options);
    case 'canceled':
      return outboxEntry(PaymentCanceled, data, options);
    case 'refunded':
      return outboxEntry(PaymentRefunded, { ...data, refund_id: known(refundId) }, options);
  }
}

export const factsOf = (payment: store.PaymentRow) => ({
  payment_id: payment.id,
  user_id: payment.userId ?? ERASED_PAYER,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
});

function known(value: string | null | undefined): string {
  if (value === null || value === undefined)
    throw new Error('a payment changed its state without its outcome');
  return value;
}
