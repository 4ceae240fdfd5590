import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import { writeOutbox } from '#kit/messaging/outbox';
import { parseAmount } from '#kit/money/amounts';
import { inTransaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import { requireOwnAccount } from './accounts';
import type { PaymentsDeps } from './deps';
import {
  InvalidTransition,
  type NewPayment,
  Payment,
  PaymentNotCancelable,
  PaymentNotFound,
  type PaymentWithRefunds,
} from './model';
import { refundedAmount, type Transition } from './rules';
import * as store from './store';
import { applyTransition, eventOf, type Outcome } from './transitions';
import { paymentView, refundView } from './views';

const paymentPages = checkedPages(Payment);

/** The permission to read and refund the payments of all users. */
const MANAGE = 'payments:manage';

/**
 * Accepts a payment: the payment and its `payment.created` event are committed before the response.
 *
 * @throws PaymentAccountNotFound, PaymentCurrencyMismatch for an account that the payment could never credit
 */
export async function createPayment(
  deps: PaymentsDeps,
  caller: Caller,
  key: RequestKey,
  input: NewPayment,
): Promise<StoredResponse<Payment>> {
  const amount = parseAmount(input.amount, input.currency);
  const request = { ...key, caller: caller.id, body: input };
  const response = await idempotent(deps.database, request, async () => {
    if (input.account_id !== undefined)
      await requireOwnAccount(deps, caller, input.account_id, input.currency);
    return async (transaction) => {
      const id = uuidv7();
      await store.insertPayment(transaction, {
        id,
        userId: caller.id,
        accountId: input.account_id ?? null,
        amount,
        currency: input.currency,
        description: normalizeText(input.description),
        paymentMethod: input.payment_method ?? deps.defaultMethod,
      });
      const payment = await requireFound(store.findPayment(transaction, id));
      await writeOutbox(transaction, [eventOf(payment, caller.id)]);
      return { status: 202, headers: { location: `/payments/${id}` }, body: paymentView(payment, 0n) };
    };
  });
  deps.outbox.wake();
  return response;
}

export async function readPayment(
  deps: PaymentsDeps,
  caller: Caller,
  id: string,
): Promise<PaymentWithRefunds> {
  const payment = await requirePayment(deps, caller, id);
  const refunds = await store.listRefunds(deps.database, [id]);
  return {
    ...paymentView(payment, refundedAmount(refunds)),
    refunds: refunds.map((refund) => refundView(refund, payment.currency)),
    // Operators may read the payment, not confirm it.
    ...(payment.clientSecret !== null &&
      payment.state === 'processing' &&
      payment.userId === caller.id && { client_secret: payment.clientSecret }),
  };
}

export async function listPayments(
  deps: PaymentsDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Payment>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listPayments(deps.database, {
    userId: caller.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  const refunds = Map.groupBy(
    await store.listRefunds(
      deps.database,
      rows.map(({ id }) => id),
    ),
    ({ paymentId }) => paymentId,
  );
  return paymentPages(rows, limit, {
    keyOf: (row) => [row.id],
    toItem: (row) => paymentView(row, refundedAmount(refunds.get(row.id) ?? [])),
    log: deps.runtime.log,
  });
}

/** Cancels a pending payment; idempotent. */
export async function cancelPayment(deps: PaymentsDeps, caller: Caller, id: string): Promise<Payment> {
  await requirePayment(deps, caller, id);
  try {
    return paymentView(await transition(deps, id, 'cancel', { actor: caller.id }), 0n);
  } catch (failure) {
    if (failure instanceof InvalidTransition) throw new PaymentNotCancelable({ cause: failure });
    throw failure;
  }
}

/** Marks a payment as processing. One that is already canceled or finished is returned unchanged. */
export async function beginPayment(deps: PaymentsDeps, id: string): Promise<store.PaymentRow> {
  try {
    return await transition(deps, id, 'begin', { actor: null });
  } catch (failure) {
    if (failure instanceof InvalidTransition) return requireFound(store.findPayment(deps.database, id));
    throw failure;
  }
}

/**
 * Records what the provider knows the charge of a payment by. The first record stays, so that all workers charge the same
 * one; a payment that is not processing is returned unchanged.
 */
export const recordCharge = (
  deps: PaymentsDeps,
  id: string,
  charge: store.ChargeRecord,
): Promise<store.PaymentRow> =>
  inTransaction(deps.database, async (transaction) => {
    const payment = await requireFound(store.lockPayment(transaction, id));
    if (payment.state !== 'processing' || payment.providerReference !== null) return payment;
    await store.recordCharge(transaction, id, charge);
    return { ...payment, ...charge };
  });

/** Marks a payment as succeeded or failed; idempotent. */
export const finishPayment = (deps: PaymentsDeps, id: string, outcome: Outcome): Promise<store.PaymentRow> =>
  transition(deps, id, outcome.failureCode === undefined ? 'succeed' : 'fail', { actor: null, outcome });

async function transition(
  deps: PaymentsDeps,
  id: string,
  name: Transition,
  by: { actor: string | null; outcome?: Outcome },
): Promise<store.PaymentRow> {
  const payment = await inTransaction(deps.database, async (transaction) =>
    applyTransition(transaction, await requireFound(store.lockPayment(transaction, id)), name, by),
  );
  deps.outbox.wake();
  return payment;
}

/** @throws PaymentNotFound, also for a payment the caller may not read */
export async function requirePayment(
  deps: PaymentsDeps,
  caller: Caller,
  id: string,
): Promise<store.PaymentRow> {
  const payment = await requireFound(store.findPayment(deps.database, id));
  if (payment.userId !== caller.id && !caller.permissions.includes(MANAGE)) throw new PaymentNotFound();
  return payment;
}

/** @throws PaymentNotFound */
export async function requireFound(found: Promise<store.PaymentRow | undefined>): Promise<store.PaymentRow> {
  const payment = await found;
  if (payment === undefined) throw new PaymentNotFound();
  return payment;
}
