import { PaymentRefundFailed, PaymentRefundRequested } from '#contracts/events/payments';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { PaymentsDeps } from './deps';
import { PaymentNotRefundable, type Refund, RefundNotFound } from './model';
import { nextState } from './rules';
import { requireFound, requirePayment } from './service';
import * as store from './store';
import { applyTransition, eventData } from './transitions';
import { refundView } from './views';

/**
 * Requests a full refund. After a failed refund another may be requested.
 *
 * @throws PaymentNotRefundable when the payment has not succeeded, or has a pending or succeeded refund
 */
export async function createRefund(
  deps: PaymentsDeps,
  caller: Caller,
  { paymentId, key }: { paymentId: string; key: RequestKey },
): Promise<StoredResponse<Refund>> {
  await requirePayment(deps, caller, paymentId);
  const request = { ...key, caller: caller.id, body: { payment_id: paymentId } };
  const response = await idempotent(deps.database, request, async () => async (transaction) => {
    const payment = await requireFound(store.lockPayment(transaction, paymentId));
    const refunds = await store.listRefunds(transaction, paymentId);
    if (nextState(payment.state, 'refund') === undefined || refunds.some(({ state }) => state !== 'failed'))
      throw new PaymentNotRefundable({ detail: 'Only a succeeded payment can be refunded, and only once.' });
    const id = uuidv7();
    await store.insertRefund(transaction, id, paymentId);
    await writeOutbox(transaction, [
      outboxEntry(
        PaymentRefundRequested,
        { ...eventData(payment), refund_id: id },
        { aggregate: { type: 'payment', id: paymentId, version: payment.version }, actor: caller.id },
      ),
    ]);
    const refund = await requireRefund(store.findRefund(transaction, id));
    return { status: 202, headers: { location: `/payments/${paymentId}` }, body: refundView(refund) };
  });
  deps.outbox.wake();
  return response;
}

export const readRefund = (deps: PaymentsDeps, id: string): Promise<store.RefundRow> =>
  requireRefund(store.findRefund(deps.database, id));

/**
 * Records the outcome of a refund; idempotent. Success overrides an earlier failure: a concurrent attempt may have found
 * the account without funds a moment before.
 */
export async function finishRefund(
  deps: PaymentsDeps,
  id: string,
  failureCode: string | undefined,
): Promise<store.RefundRow> {
  const { paymentId } = await readRefund(deps, id);
  const finished = await inTransaction(deps.database, async (transaction) => {
    // Payment before refund, the lock order of createRefund.
    const payment = await requireFound(store.lockPayment(transaction, paymentId));
    const refund = await requireRefund(store.findRefund(transaction, id));
    const recorded = failureCode === undefined ? refund.state === 'succeeded' : refund.state !== 'pending';
    if (recorded) return refund;
    const outcome = {
      state: failureCode === undefined ? ('succeeded' as const) : ('failed' as const),
      failureCode: failureCode ?? null,
    };
    await store.finishRefund(transaction, id, outcome);
    await publishOutcome(transaction, payment, id, failureCode);
    return { ...refund, ...outcome };
  });
  deps.outbox.wake();
  return finished;
}

async function publishOutcome(
  transaction: Transaction,
  payment: store.PaymentRow,
  refundId: string,
  failureCode: string | undefined,
): Promise<void> {
  if (failureCode === undefined) {
    await applyTransition(transaction, payment, 'refund', { actor: null, outcome: { refundId } });
    return;
  }
  await writeOutbox(transaction, [
    outboxEntry(
      PaymentRefundFailed,
      { ...eventData(payment), refund_id: refundId, failure_code: failureCode },
      { aggregate: { type: 'payment', id: payment.id, version: payment.version }, actor: null },
    ),
  ]);
}

async function requireRefund(found: Promise<store.RefundRow | undefined>): Promise<store.RefundRow> {
  const refund = await found;
  if (refund === undefined) throw new RefundNotFound();
  return refund;
}
