import type { Payment } from '#contracts/gen/payments/v1/payments';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { MessageContext } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';
import type { ChargeOutcome } from './provider';

const CHARGE_ATTEMPTS = 3;
const CHARGE_BACK_OFF = { baseMs: 100, capMs: 1_000 };

/**
 * Processes a payment: charges the payment method, credits the account, marks the payment as succeeded. The payment's id
 * is the idempotency key of every step, so that a worker that takes over after a crash repeats the completed steps
 * without effect.
 */
export async function processPayment(
  deps: PaymentsWorkerDeps,
  paymentId: string,
  { log }: MessageContext,
): Promise<void> {
  const { payment } = await parkClientErrors(deps.payments.beginPayment({ payment_id: paymentId }));
  if (payment?.state !== 'processing')
    return log.info({ payment_id: paymentId, state: payment?.state }, 'payment is not processing; skipped');
  const account = await resolveAccount(deps, payment);
  if ('rejection' in account) return compensate(deps, payment, account.rejection);
  const outcome = await charge(deps, payment);
  if (outcome !== 'succeeded') return markFailed(deps, payment, `card.${outcome}`);
  const posted = await ledgerResult(
    deps.accounts.transfer({
      external_id: payment.id,
      receiver_id: account.id,
      amount: payment.amount,
      currency: payment.currency,
      description: payment.description,
    }),
  );
  if ('rejection' in posted) return compensate(deps, payment, posted.rejection);
  await markSucceeded(deps, payment, posted.response.transfer?.id);
  log.info({ payment_id: payment.id }, 'payment succeeded');
}

/** The account to credit: an open account of the payer, in the currency of the payment. */
async function resolveAccount(
  deps: PaymentsWorkerDeps,
  payment: Payment,
): Promise<{ id: string } | { rejection: string }> {
  // The payer was erased after the payment was created.
  if (payment.user_id === '') return { rejection: 'account.closed' };
  const result = await ledgerResult(
    payment.account_id === undefined
      ? deps.accounts.openAccount({ user_id: payment.user_id, currency: payment.currency })
      : deps.accounts.getAccount({ account_id: payment.account_id }),
  );
  if ('rejection' in result) return result;
  const { account } = result.response;
  if (account?.user_id !== payment.user_id) return { rejection: 'account.not-found' };
  if (account.closed) return { rejection: 'account.closed' };
  if (account.currency !== payment.currency) return { rejection: 'account.currency-mismatch' };
  return account;
}

/** Charges the payment method. After a failed call the charge is reconciled first, and retried only if none was made. */
async function charge(deps: PaymentsWorkerDeps, payment: Payment): Promise<ChargeOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await deps.provider.charge({
        key: payment.id,
        paymentMethod: payment.payment_method,
        amount: payment.amount,
        currency: payment.currency,
      });
    } catch (failure) {
      const outcome = await deps.provider.find(payment.id);
      if (outcome !== undefined) return outcome;
      if (attempt === CHARGE_ATTEMPTS) throw failure;
      await sleep(backOffMs(attempt, CHARGE_BACK_OFF));
    }
  }
}

/**
 * Fails a payment that the ledger has rejected, and refunds the charge of an earlier attempt. A rejection is permanent (a
 * closed account is never reopened), so that two workers with the same payment reach the same outcome.
 */
async function compensate(deps: PaymentsWorkerDeps, payment: Payment, rejection: string): Promise<void> {
  const posted = await ledgerResult(deps.accounts.getTransfer({ external_id: payment.id }));
  if ('response' in posted) return markSucceeded(deps, payment, posted.response.transfer?.id);
  if ((await deps.provider.find(payment.id)) === 'succeeded')
    await deps.provider.refund({ chargeKey: payment.id, refundKey: payment.id, amount: payment.amount });
  await markFailed(deps, payment, rejection);
}

async function markSucceeded(
  deps: PaymentsWorkerDeps,
  payment: Payment,
  transferId: string | undefined,
): Promise<void> {
  if (transferId === undefined) throw new Error('accounts returned no transfer');
  await parkClientErrors(
    deps.payments.finishPayment({
      payment_id: payment.id,
      outcome: { $case: 'transfer_id', value: transferId },
    }),
  );
}

async function markFailed(deps: PaymentsWorkerDeps, payment: Payment, failureCode: string): Promise<void> {
  await parkClientErrors(
    deps.payments.finishPayment({
      payment_id: payment.id,
      outcome: { $case: 'failure_code', value: failureCode },
    }),
  );
}
