import { repeatEvery } from '#kit/core/repeat';
import { Problem } from '#kit/errors/problem';
import type { BillingDeps } from './deps';
import { completePayment } from './service';
import * as store from './store';

type InterruptedDeps = Pick<BillingDeps, 'runtime' | 'database' | 'outbox' | 'accounts'>;

/** Far longer than a transfer takes. */
const INTERRUPTED_SECONDS = 60;
const CHECK_EVERY_MS = 30_000;
const BATCH = 100;

/** Completes interrupted payments every half minute until shutdown. */
export function keepCompletingPayments(deps: InterruptedDeps): void {
  repeatEvery(deps.runtime, 'completing interrupted payments', { everyMs: CHECK_EVERY_MS }, () =>
    completeInterrupted(deps),
  );
}

/**
 * Marks invoices as paid whose transfer was posted and whose process ended before it recorded that. Nothing is transferred
 * here: without a posted transfer the invoice stays open.
 *
 * @param seconds since the payment began, after which it counts as interrupted
 */
export async function completeInterrupted(
  deps: InterruptedDeps,
  seconds = INTERRUPTED_SECONDS,
): Promise<void> {
  for (const invoice of await store.listInterrupted(deps.database, { seconds, limit: BATCH }))
    if (await isTransferred(deps, invoice.id)) await completePayment(deps, invoice.id);
    else await store.clearPaying(deps.database, invoice);
}

async function isTransferred({ accounts }: InterruptedDeps, invoiceId: string): Promise<boolean> {
  try {
    await accounts.getTransfer({ external_id: invoiceId });
    return true;
  } catch (failure) {
    if (failure instanceof Problem && failure.code === 'transaction.not-found') return false;
    throw failure;
  }
}
