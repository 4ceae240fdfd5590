import type { MessageContext } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';

/**
 * Processes a refund: reverses the ledger transfer, then refunds the charge. Each has an idempotency key of its own, so
 * that both are done once, however often the refund is retried.
 */
export async function processRefund(
  deps: PaymentsWorkerDeps,
  refundId: string,
  { log }: MessageContext,
): Promise<void> {
  const { refund } = await parkClientErrors(deps.payments.getRefund({ refund_id: refundId }));
  if (refund?.state !== 'pending')
    return log.info({ refund_id: refundId, state: refund?.state }, 'refund is not pending; skipped');
  const { id, payment_id } = refund;
  const reversal = await ledgerResult(
    deps.accounts.reverseTransfer({ external_id: id, reversed_external_id: payment_id }),
  );
  if ('rejection' in reversal) {
    await parkClientErrors(deps.payments.finishRefund({ refund_id: id, failure_code: reversal.rejection }));
    return;
  }
  await parkClientErrors(deps.provider.refund(payment_id));
  await parkClientErrors(deps.payments.finishRefund({ refund_id: id }));
  log.info({ refund_id: id }, 'payment refunded');
}
