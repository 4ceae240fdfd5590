import { PaymentOverdue, PaymentRefundOverdue } from '#contracts/events/payments';
import { repeatEvery } from '#kit/core/repeat';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import type { PaymentsDeps } from './service';
import { takeOverduePayments, takeOverdueRefunds } from './store';

/** Far longer than a payment takes, and than the worker needs to start again. */
const OVERDUE_SECONDS = 300;
const LOOK_EVERY_MS = 60_000;
const BATCH = 100;

/**
 * Tells again of what should have ended by now: its message may have been parked, or lost with a queue. So no payment
 * stays half done for ever.
 */
export function remindOfOverdue(deps: PaymentsDeps): void {
  repeatEvery(deps.runtime, 'looking for overdue payments', { everyMs: LOOK_EVERY_MS }, () =>
    remindOnce(deps),
  );
}

/** Looks once. @param seconds how long nothing must have happened */
export async function remindOnce(deps: PaymentsDeps, seconds = OVERDUE_SECONDS): Promise<void> {
  const told = await inTransaction(deps.database, async (transaction) => {
    const payments = await takeOverduePayments(transaction, { seconds, limit: BATCH });
    const refunds = await takeOverdueRefunds(transaction, { seconds, limit: BATCH });
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
  if (told === 0) return;
  deps.runtime.log.warn({ count: told }, 'payments or refunds are overdue');
  deps.outbox.wake();
}
