import type { Payment } from '#contracts/gen/payments/v1/payments';
import { backOffMs, sleep } from '#kit/core/back-off';
import { Problem } from '#kit/errors/problem';
import type { MessageContext } from '#kit/messaging/delivery';
import { parkWhenRefused } from '#kit/messaging/refusals';
import type { PaymentsWorkerDeps } from '.';
import type { ChargeOutcome } from './provider';

const CHARGE_ATTEMPTS = 3;
const CHARGE_PAUSE = { baseMs: 100, capMs: 1_000 };

/**
 * Carries a payment to its end: charge, ledger, done. Everything is under the payment's id, and every step may be
 * repeated: whoever goes on after a worker that died does each step again, and finds those that were done.
 */
export async function carryOut(
  deps: PaymentsWorkerDeps,
  paymentId: string,
  { log }: MessageContext,
): Promise<void> {
  const { payment } = await parkWhenRefused(deps.payments.beginPayment({ payment_id: paymentId }));
  if (payment?.state !== 'processing')
    return log.info({ payment_id: paymentId, state: payment?.state }, 'nothing to do for this payment');
  const accountId = await accountFor(deps, payment);
  if (typeof accountId !== 'string') return abandon(deps, payment, accountId.refusal);
  const charged = await charge(deps, payment);
  if (charged !== 'succeeded') return fail(deps, payment, `card.${charged}`);
  const booked = await refusalOf(
    deps.accounts.transfer({
      external_id: payment.id,
      receiver_id: accountId,
      amount: payment.amount,
      currency: payment.currency,
      description: payment.description,
    }),
  );
  if ('refusal' in booked) return abandon(deps, payment, booked.refusal);
  await succeed(deps, payment, booked.answer.transfer?.id);
  log.info({ payment_id: payment.id }, 'paid');
}

/** Where the money goes: an open account of the payer's own, in the currency of the payment. */
async function accountFor(deps: PaymentsWorkerDeps, payment: Payment): Promise<string | { refusal: string }> {
  // Erased meanwhile.
  if (payment.user_id === '') return { refusal: 'account.closed' };
  const found = await refusalOf(
    payment.account_id === undefined
      ? deps.accounts.openAccount({ user_id: payment.user_id, currency: payment.currency })
      : deps.accounts.getAccount({ account_id: payment.account_id }),
  );
  if ('refusal' in found) return found;
  const { account } = found.answer;
  if (account?.user_id !== payment.user_id) return { refusal: 'account.not-found' };
  if (account.closed) return { refusal: 'account.closed' };
  if (account.currency !== payment.currency) return { refusal: 'account.currency-mismatch' };
  return account.id;
}

/** An answer that got lost is asked for; only when nothing was charged is it tried again. */
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
      await sleep(backOffMs(attempt, CHARGE_PAUSE));
    }
  }
}

/**
 * Ends what cannot be booked, and gives back what an earlier attempt may have charged. What is refused here stays so (a
 * closed account is never opened again), so that two workers with one payment come to the same end.
 */
async function abandon(deps: PaymentsWorkerDeps, payment: Payment, refusal: string): Promise<void> {
  const booked = await refusalOf(deps.accounts.getTransfer({ external_id: payment.id }));
  if ('answer' in booked) return succeed(deps, payment, booked.answer.transfer?.id);
  if ((await deps.provider.find(payment.id)) === 'succeeded') await deps.provider.refund(payment.id);
  await fail(deps, payment, refusal);
}

async function succeed(
  deps: PaymentsWorkerDeps,
  payment: Payment,
  transferId: string | undefined,
): Promise<void> {
  if (transferId === undefined) throw new Error('accounts answered without the transfer');
  await parkWhenRefused(
    deps.payments.finishPayment({
      payment_id: payment.id,
      outcome: { $case: 'transfer_id', value: transferId },
    }),
  );
}

async function fail(deps: PaymentsWorkerDeps, payment: Payment, failureCode: string): Promise<void> {
  await parkWhenRefused(
    deps.payments.finishPayment({
      payment_id: payment.id,
      outcome: { $case: 'failure_code', value: failureCode },
    }),
  );
}

/** What accounts says about the payment itself, and will say again. */
const FINAL = /^(account|transaction|request)\./;

/** @throws what may be otherwise the next time */
export async function refusalOf<Answer>(
  call: Promise<Answer>,
): Promise<{ answer: Answer } | { refusal: string }> {
  try {
    return { answer: await call };
  } catch (failure) {
    if (failure instanceof Problem && failure.status < 500 && FINAL.test(failure.code))
      return { refusal: failure.code };
    throw failure;
  }
}
