import { PaymentRefundFailed, PaymentRefundRequested } from '#contracts/events/payments';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent, type StoredResponse } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { PaymentNotRefundable, type Refund, RefundNotFound } from './model';
import { nextState } from './rules';
import { mustFind, mustSee, type PaymentsDeps, type RequestKey } from './service';
import { advance, factsOf } from './states';
import * as store from './store';

/**
 * Asks that a payment be given back, whole. One that failed to be may be asked for again.
 *
 * @throws PaymentNotRefundable when it has not succeeded, or is being given back already
 */
export async function createRefund(
  deps: PaymentsDeps,
  caller: Caller,
  paymentId: string,
  request: RequestKey,
): Promise<StoredResponse<Refund>> {
  await mustSee(deps, caller, paymentId);
  const keyed = { ...request, caller: caller.id, body: { payment_id: paymentId } };
  const answer = await idempotent(deps.database, keyed, async () => async (transaction) => {
    const payment = await mustFind(store.lockPayment(transaction, paymentId));
    const earlier = await store.listRefunds(transaction, paymentId);
    if (nextState(payment.state, 'refund') === undefined || earlier.some(({ state }) => state !== 'failed'))
      throw new PaymentNotRefundable();
    const id = uuidv7();
    await store.insertRefund(transaction, id, paymentId);
    await writeOutbox(transaction, [
      outboxEntry(
        PaymentRefundRequested,
        { ...factsOf(payment), refund_id: id },
        { aggregate: { type: 'payment', id: paymentId, version: payment.version }, actor: caller.id },
      ),
    ]);
    const refund = await mustFindRefund(store.findRefund(transaction, id));
    return { status: 202, headers: { location: `/payments/${paymentId}` }, body: refundView(refund) };
  });
  deps.outbox.wake();
  return answer;
}

export const readRefund = (deps: PaymentsDeps, id: string): Promise<store.RefundRow> =>
  mustFindRefund(store.findRefund(deps.database, id));

/**
 * Tells how giving back ended; told again, nothing changes. That the money is back is always believed: another attempt
 * may have found the account empty a moment before.
 */
export async function finishRefund(
  deps: PaymentsDeps,
  id: string,
  failureCode: string | undefined,
): Promise<store.RefundRow> {
  const { paymentId } = await readRefund(deps, id);
  const finished = await inTransaction(deps.database, async (transaction) => {
    // The payment is locked first, as when a refund is asked for.
    const payment = await mustFind(store.lockPayment(transaction, paymentId));
    const refund = await mustFindRefund(store.findRefund(transaction, id));
    const known = failureCode === undefined ? refund.state === 'succeeded' : refund.state !== 'pending';
    if (known) return refund;
    const outcome = {
      state: failureCode === undefined ? ('succeeded' as const) : ('failed' as const),
      failureCode: failureCode ?? null,
    };
    await store.finishRefund(transaction, id, outcome);
    await tell(transaction, payment, id, failureCode);
    return { ...refund, ...outcome };
  });
  deps.outbox.wake();
  return finished;
}

async function tell(
  transaction: Transaction,
  payment: store.PaymentRow,
  refundId: string,
  failureCode: string | undefined,
): Promise<void> {
  if (failureCode === undefined) {
    await advance(transaction, payment, 'refund', { actor: null, outcome: { refundId } });
    return;
  }
  await writeOutbox(transaction, [
    outboxEntry(
      PaymentRefundFailed,
      { ...factsOf(payment), refund_id: refundId, failure_code: failureCode },
      { aggregate: { type: 'payment', id: payment.id, version: payment.version }, actor: null },
    ),
  ]);
}

async function mustFindRefund(found: Promise<store.RefundRow | undefined>): Promise<store.RefundRow> {
  const refund = await found;
  if (refund === undefined) throw new RefundNotFound();
  return refund;
}

export const refundView = (refund: store.RefundRow): Refund => ({
  id: refund.id,
  payment_id: refund.paymentId,
  status: refund.state,
  failure_code: refund.failureCode,
  created_at: refund.createdAt.toISOString(),
});
