import {
  PaymentPartiallyRefunded,
  PaymentRefundFailed,
  PaymentRefundRequested,
} from '#contracts/events/payments';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { formatAmount, parseAmount } from '#kit/money/amounts';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import type { PaymentsDeps } from './deps';
import {
  type NewRefund,
  PaymentNotRefundable,
  type Refund,
  RefundExceedsPayment,
  RefundNotFound,
} from './model';
import { nextState, refundableAmount, refundedAmount } from './rules';
import { requireFound, requirePayment } from './service';
import * as store from './store';
import { applyTransition, refundEventData } from './transitions';
import { refundView } from './views';

/** A refund and the payment it belongs to. */
interface PaymentRefund {
  readonly payment: store.PaymentRow;
  readonly refund: store.RefundRow;
}

/**
 * Requests a refund of an amount, or of everything that is left. Refunds together never exceed the payment: pending ones
 * count, a failed one may be requested again.
 *
 * @throws PaymentNotRefundable when the payment has not succeeded, or nothing is left of it
 * @throws RefundExceedsPayment when less than the amount is left
 */
export async function createRefund(
  deps: PaymentsDeps,
  caller: Caller,
  { paymentId, key }: { paymentId: string; key: RequestKey },
  input: NewRefund,
): Promise<StoredResponse<Refund>> {
  const { currency } = await requirePayment(deps, caller, paymentId);
  const requested = input.amount === undefined ? undefined : parseAmount(input.amount, currency);
  const request = { ...key, caller: caller.id, body: { payment_id: paymentId, ...input } };
  const response = await idempotent(deps.database, request, async () => async (transaction) => {
    const payment = await requireFound(store.lockPayment(transaction, paymentId));
    const id = uuidv7();
    const amount = amountToRefund(payment, await store.listRefunds(transaction, [paymentId]), requested);
    const reason = input.reason === undefined ? null : normalizeText(input.reason);
    await store.insertRefund(transaction, { id, paymentId, amount, reason });
    await writeOutbox(transaction, [
      outboxEntry(PaymentRefundRequested, refundEventData(payment, { id, amount }), {
        aggregate: { type: 'payment', id: paymentId, version: payment.version },
        actor: caller.id,
      }),
    ]);
    const refund = await requireRefund(store.findRefund(transaction, id));
    return {
      status: 202,
      headers: { location: `/payments/${paymentId}` },
      body: refundView(refund, currency),
    };
  });
  deps.outbox.wake();
  return response;
}

/** Decides under the lock of the payment's row. */
function amountToRefund(
  payment: store.PaymentRow,
  refunds: readonly store.RefundRow[],
  requested: bigint | undefined,
): bigint {
  if (nextState(payment.state, 'refund') === undefined)
    throw new PaymentNotRefundable({
      detail: 'Only a succeeded payment that is not fully refunded can be refunded.',
    });
  const left = refundableAmount(payment, refunds);
  if (requested === undefined && left === 0n)
    throw new PaymentNotRefundable({ detail: 'Pending refunds cover the whole payment.' });
  if (requested !== undefined && requested > left)
    throw new RefundExceedsPayment({
      detail: `${formatAmount(left, payment.currency)} ${payment.currency} is left to refund; pending refunds count.`,
    });
  return requested ?? left;
}

/** @throws RefundNotFound */
export async function readRefund(deps: PaymentsDeps, id: string): Promise<PaymentRefund> {
  const refund = await requireRefund(store.findRefund(deps.database, id));
  return { refund, payment: await requireFound(store.findPayment(deps.database, refund.paymentId)) };
}

/**
 * Records the outcome of a refund; idempotent. Success overrides an earlier failure: a concurrent attempt may have found
 * the account without funds a moment before.
 */
export async function finishRefund(
  deps: PaymentsDeps,
  id: string,
  failureCode: string | undefined,
): Promise<PaymentRefund> {
  const { paymentId } = await requireRefund(store.findRefund(deps.database, id));
  const finished = await inTransaction(deps.database, async (transaction) => {
    // Payment before refund, the lock order of createRefund.
    const payment = await requireFound(store.lockPayment(transaction, paymentId));
    const refund = await requireRefund(store.findRefund(transaction, id));
    const recorded = failureCode === undefined ? refund.state === 'succeeded' : refund.state !== 'pending';
    if (recorded) return { payment, refund };
    const outcome = {
      state: failureCode === undefined ? ('succeeded' as const) : ('failed' as const),
      failureCode: failureCode ?? null,
    };
    await store.finishRefund(transaction, id, outcome);
    const updated = { ...refund, ...outcome };
    await publishOutcome(transaction, payment, updated);
    return { payment, refund: updated };
  });
  deps.outbox.wake();
  return finished;
}

/** Moves the payment to `refunded` once its succeeded refunds add up to it. */
async function publishOutcome(
  transaction: Transaction,
  payment: store.PaymentRow,
  refund: store.RefundRow,
): Promise<void> {
  const options = {
    aggregate: { type: 'payment', id: payment.id, version: payment.version },
    actor: null,
  } as const;
  const data = refundEventData(payment, refund);
  if (refund.failureCode !== null) {
    const failed = { ...data, failure_code: refund.failureCode };
    await writeOutbox(transaction, [outboxEntry(PaymentRefundFailed, failed, options)]);
    return;
  }
  const refunded = refundedAmount(await store.listRefunds(transaction, [payment.id]));
  if (refunded >= payment.amount) {
    await applyTransition(transaction, payment, 'refund', { actor: null, outcome: { refund } });
    return;
  }
  const partial = { ...data, refunded_amount: formatAmount(refunded, payment.currency) };
  await writeOutbox(transaction, [outboxEntry(PaymentPartiallyRefunded, partial, options)]);
}

async function requireRefund(found: Promise<store.RefundRow | undefined>): Promise<store.RefundRow> {
  const refund = await found;
  if (refund === undefined) throw new RefundNotFound();
  return refund;
}
