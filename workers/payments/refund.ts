import type { Refund } from '#contracts/gen/payments/v1/payments';
import type { MessageContext } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';

/**
 * Processes a full or partial refund: reverses the ledger transfer, then refunds the charge. The refund's id is the
 * idempotency key of both, so that each is done once, however often the refund is retried.
 */
export async function processRefund(
  deps: PaymentsWorkerDeps,
  refundId: string,
  { log }: MessageContext,
): Promise<void> {
  const { refund } = await parkClientErrors(deps.payments.getRefund({ refund_id: refundId }));
  if (refund === undefined || !(await isOpen(deps, refund)))
    return log.info({ refund_id: refundId, state: refund?.state }, 'refund is not pending; skipped');
  const { id, payment_id, amount } = refund;
  const reversal = await ledgerResult(
    deps.accounts.reverseTransfer({ external_id: id, reversed_external_id: payment_id, amount }),
  );
  if ('rejection' in reversal) {
    await parkClientErrors(deps.payments.finishRefund({ refund_id: id, failure_code: reversal.rejection }));
    return;
  }
  await parkClientErrors(deps.provider.refund({ chargeKey: payment_id, refundKey: id, amount }));
  await parkClientErrors(deps.payments.finishRefund({ refund_id: id }));
  log.info({ refund_id: id }, 'payment refunded');
}

/**
 * Whether a refund has to be processed. Of two workers with the same refund, one may have found no funds, and the other one
 * may have died after it had reversed the transfer: such a refund has failed, and is completed all the same.
 */
async function isOpen(deps: PaymentsWorkerDeps, { id, state }: Refund): Promise<boolean> {
  if (state !== 'failed') return state === 'pending';
  return 'response' in (await ledgerResult(deps.accounts.getTransfer({ external_id: id })));
}
