import { PaymentOverdue, PaymentRefundOverdue } from '#contracts/events/payments';
import { repeatEvery } from '#kit/core/repeat';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import type { PaymentsDeps } from './deps';
import { claimOverduePayments, claimOverdueRefunds } from './store';

/** Far longer than processing a payment and restarting the worker take. */
const OVERDUE_SECONDS = 300;
/** The provider reports what becomes of a payment that its payer confirms; this is for a report that is lost. */
const WAITING_SECONDS = 1_800;
const CHECK_EVERY_MS = 60_000;
const BATCH = 100;

/**
 * Republishes overdue payments and refunds every minute until shutdown: their messages may have been parked, or lost with
 * a queue. So every payment reaches a final state.
 */
export function watchOverdue(deps: PaymentsDeps): void {
  repeatEvery(deps.runtime, 'republishing overdue payments', { everyMs: CHECK_EVERY_MS }, () =>
    republishOverdue(deps),
  );
}

/**
 * Publishes an overdue event for each payment and refund that has stalled, at most `BATCH` of either.
 *
 * @param seconds without a change after which it counts as overdue
 */
export async function republishOverdue(deps: PaymentsDeps, seconds = OVERDUE_SECONDS): Promise<void> {
  const count = await inTransaction(deps.database, async (transaction) => {
    const payments = await claimOverduePayments(transaction, {
      seconds,
      waitingSeconds: Math.max(seconds, WAITING_SECONDS),
      limit: BATCH,
    });
    const refunds = await claimOverdueRefunds(transaction, { seconds, limit: BATCH });
    await writeOutbox(transaction, [
      ...payments.map(({ id, version }) =>
        outboxEntry(
          PaymentOverdue,
          { payment_id: id },
          { aggregate: { type: 'payment', id, version }, actor: null },
        ),
      ),
      ...refunds.map((id) =>
        outboxEntry(
          PaymentRefundOverdue,
          { refund_id: id },
          { aggregate: { type: 'refund', id, version: 1 }, actor: null },
        ),
      ),
    ]);
    return payments.length + refunds.length;
  });
  if (count === 0) return;
  deps.runtime.log.warn({ count }, 'republished overdue payments or refunds');
  deps.outbox.wake();
}
