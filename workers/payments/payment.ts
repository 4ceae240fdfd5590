import type { Payment } from '#contracts/gen/payments/v1/payments';
import { backOffMs, sleep } from '#kit/core/back-off';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from './deps';
import { ledgerResult } from './ledger-result';
import type { ChargeOutcome, RecordedCharge } from './provider';

const CHARGE_ATTEMPTS = 3;
const CHARGE_BACK_OFF = { baseMs: 100, capMs: 1_000 };

/** How long a payer may take to confirm a payment; as long as Stripe's checkout sessions. */
const CONFIRMATION_MS = 24 * 3_600_000;

/**
 * Processes a payment: announces the charge, charges the payment method, credits the account, marks the payment as succeeded.
 * The payment's id is the idempotency key of every step, so that a worker that takes over after a crash repeats the completed
 * steps without effect. A charge that waits for the payer is left: the provider's event, or else `payment.overdue`, resumes
 * it.
 */
export async function processPayment(
  deps: PaymentsWorkerDeps,
  paymentId: string,
  { log }: MessageContext,
): Promise<void> {
  const { payment: begun } = await parkClientErrors(deps.payments.beginPayment({ payment_id: paymentId }));
  if (begun?.state !== 'processing')
    return log.info({ payment_id: paymentId, state: begun?.state }, 'payment is not processing; skipped');
  if (begun.provider !== undefined && begun.provider !== deps.provider.name)
    return log.error(
      { payment_id: paymentId, provider: begun.provider },
      'payment of another provider; left',
    );
  const account = await resolveAccount(deps, begun);
  if ('rejection' in account) return compensate(deps, begun, account.rejection);
  const payment = await openCharge(deps, begun);
  if ('rejection' in payment) return compensate(deps, begun, payment.rejection);
  const outcome = await charge(deps, payment);
  if (outcome === 'waiting') return log.info({ payment_id: payment.id }, 'payment waits for its payer');
  if (outcome !== 'succeeded') return markFailed(deps, payment, failureCode(payment, outcome));
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

/** Announces the charge of a payment to the provider, and records what it is known by there; once. */
async function openCharge(
  deps: PaymentsWorkerDeps,
  payment: Payment,
): Promise<Payment | { readonly rejection: string }> {
  if (payment.provider_reference !== undefined) return payment;
  const opened = await deps.provider.open(chargeOf(payment));
  if ('rejection' in opened) return opened;
  const { payment: recorded } = await parkClientErrors(
    deps.payments.recordCharge({
      payment_id: payment.id,
      provider: deps.provider.name,
      provider_reference: opened.reference,
      client_secret: opened.clientSecret,
    }),
  );
  if (recorded === undefined) throw new Error('payments returned no payment');
  return recorded;
}

/** Charges, and ends a charge that has waited too long. */
async function charge(deps: PaymentsWorkerDeps, payment: Payment): Promise<ChargeOutcome> {
  const outcome = await chargeOnce(deps, payment);
  return outcome === 'waiting' && isExpired(payment) ? deps.provider.cancel(chargeOf(payment)) : outcome;
}

/** Charges the payment method. After a failed call the charge is reconciled first, and retried only if none was made. */
async function chargeOnce(deps: PaymentsWorkerDeps, payment: Payment): Promise<ChargeOutcome> {
  const { reference, ...requested } = chargeOf(payment);
  if (reference === undefined) throw new Error('a charge is recorded before it is made');
  for (let attempt = 1; ; attempt++) {
    try {
      return await deps.provider.charge({ ...requested, reference });
    } catch (failure) {
      const outcome = await deps.provider.find({ ...requested, reference });
      if (outcome !== undefined) return outcome;
      if (attempt === CHARGE_ATTEMPTS) throw failure;
      await sleep(backOffMs(attempt, CHARGE_BACK_OFF));
    }
  }
}

/**
 * Fails a payment that the ledger or the provider has rejected, and takes back the charge of an earlier attempt: cancels it,
 * or refunds it. A rejection is permanent (a closed account is never reopened), so that two workers with the same payment
 * reach the same outcome.
 */
async function compensate(deps: PaymentsWorkerDeps, payment: Payment, rejection: string): Promise<void> {
  const posted = await ledgerResult(deps.accounts.getTransfer({ external_id: payment.id }));
  if ('response' in posted) return markSucceeded(deps, payment, posted.response.transfer?.id);
  const requested = chargeOf(payment);
  const found = await deps.provider.find(requested);
  const outcome = found === 'waiting' ? await deps.provider.cancel(requested) : found;
  if (outcome === 'waiting')
    throw new RetryableError('the charge is decided by a bank and cannot be canceled');
  if (outcome === 'succeeded') {
    const refund = { charge: requested, key: payment.id, amount: payment.amount };
    if ((await deps.provider.refund(refund)) === 'failed')
      throw new PermanentError('the charge of a failed payment could not be refunded');
  }
  await markFailed(deps, payment, rejection);
}

const chargeOf = (payment: Payment): RecordedCharge => ({
  key: payment.id,
  paymentMethod: payment.payment_method,
  amount: payment.amount,
  currency: payment.currency,
  reference: payment.provider_reference,
});

const isExpired = (payment: Payment): boolean =>
  Date.now() - Date.parse(payment.created_at) > CONFIRMATION_MS;

const failureCode = (payment: Payment, outcome: ChargeOutcome): string =>
  outcome === 'canceled' && isExpired(payment) ? 'payment.expired' : `card.${outcome}`;

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
