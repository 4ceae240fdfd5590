import type { MessageContext } from '#kit/messaging/delivery';
import { parkWhenRefused } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from '.';
import { refusalOf } from './payment';

/**
 * Gives a payment back: first off the account, then to where it came from. Both under ids of their own, so that each is
 * done once however often this is begun.
 */
export async function giveBack(
  deps: PaymentsWorkerDeps,
  refundId: string,
  { log }: MessageContext,
): Promise<void> {
  const { refund } = await parkWhenRefused(deps.payments.getRefund({ refund_id: refundId }));
  if (refund?.state !== 'pending')
    return log.info({ refund_id: refundId, state: refund?.state }, 'nothing to do for this refund');
  const { id, payment_id } = refund;
  const reversed = await refusalOf(
    deps.accounts.reverseTransfer({ external_id: id, reversed_external_id: payment_id }),
  );
  if ('refusal' in reversed) {
    await parkWhenRefused(deps.payments.finishRefund({ refund_id: id, failure_code: reversed.refusal }));
    return;
  }
  await parkWhenRefused(deps.provider.refund(payment_id));
  await parkWhenRefused(deps.payments.finishRefund({ refund_id: id }));
  log.info({ refund_id: id }, 'given back');
}
