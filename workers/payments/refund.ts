import type { Transfer } from '#contracts/gen/accounts/v1/accounts';
import type { Refund } from '#contracts/gen/payments/v1/payments';
import { type MessageContext, PermanentError } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';

/**
 * Processes a full or partial refund: reverses the ledger transfer, then refunds the charge. The refund's id is the
 * idempotency key of both, so that each is done once, however often the refund is retried. One that the provider has
 * accepted and not yet decided is left: its event, or else `payment.refund-overdue`, resumes it.
 */
export async function processRefund(
  deps: PaymentsWorkerDeps,
  refundId: string,
  { log }: MessageContext,
): Promise<void> {
  const { refund } = await parkClientErrors(deps.payments.getRefund({ refund_id: refundId }));
  if (refund === undefined || !(await isOpen(deps, refund)))
    return log.info({ refund_id: refundId, state: refund?.state }, 'refund is not pending; skipped');
  const { id, payment_id, amount, currency, provider = UNRECORDED, provider_reference: reference } = refund;
  if (provider !== deps.provider.name) return finish(deps, id, 'provider.changed');
  const reversal = await ledgerResult(
    deps.accounts.reverseTransfer({ external_id: id, reversed_external_id: payment_id, amount }),
  );
  if ('rejection' in reversal) return finish(deps, id, reversal.rejection);
  const { transfer } = reversal.response;
  if (transfer === undefined) throw new Error('accounts returned no transfer');
  const charge = { key: payment_id, reference, currency };
  const outcome = await parkClientErrors(deps.provider.refund({ charge, key: id, amount: transfer.amount }));
  if (outcome === 'pending') return log.info({ refund_id: id }, 'refund waits for the bank');
  if (outcome === 'failed') return restore(deps, id, transfer);
  await finish(deps, id);
  log.info({ refund_id: id }, 'payment refunded');
}

/** The provider of payments whose charge was never recorded, by an earlier version. */
const UNRECORDED = 'mock';

/** The external id of the ledger transfer that makes up for a refund which never arrived. */
export const restorationId = (refundId: string): string => Bun.randomUUIDv5('restored', refundId);

/** Credits the account again with a refund that never arrived. @param transfer the reversal */
async function restore(deps: PaymentsWorkerDeps, refundId: string, transfer: Transfer): Promise<void> {
  const restored = await ledgerResult(
    deps.accounts.transfer({
      external_id: restorationId(refundId),
      receiver_id: transfer.sender_id,
      amount: transfer.amount,
      currency: transfer.currency,
      description: '',
    }),
  );
  if ('rejection' in restored)
    throw new PermanentError(`the refund failed, and its amount has nowhere to go: ${restored.rejection}`);
  await finish(deps, refundId, 'provider.refund-failed');
}

async function finish(deps: PaymentsWorkerDeps, id: string, failureCode?: string): Promise<void> {
  await parkClientErrors(deps.payments.finishRefund({ refund_id: id, failure_code: failureCode }));
}

/**
 * Whether a refund has to be processed. Of two workers with the same refund, one may have found no funds, and the other one
 * may have died after it had reversed the transfer: such a refund has failed, and is completed all the same.
 */
async function isOpen(deps: PaymentsWorkerDeps, { id, state }: Refund): Promise<boolean> {
  if (state !== 'failed') return state === 'pending';
  return 'response' in (await ledgerResult(deps.accounts.getTransfer({ external_id: id })));
}
