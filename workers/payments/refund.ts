import type { MessageContext } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';

/**
 * Processes a refund of a payment or of a part of it: moves the money back in the ledger, then refunds the charge. The
 * refund's id is the idempotency key of both, so that each is done once, however often the refund is retried.
 */
export async function processRefund(
  deps: PaymentsWorkerDeps,
  refundId: string,
  { log }: MessageContext,
): Promise<void> {
  const { refund } = await parkClientErrors(deps.payments.getRefund({ refund_id: refundId }));
  if (refund?.state !== 'pending')
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
