import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { type IdempotentRequest, idempotent, type StoredResponse } from '#kit/http/idempotency';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { writeOutbox } from '#kit/messaging/outbox';
import { formatAmount, parseAmount } from '#kit/money/amounts';
import { type Database, inTransaction } from '#kit/mysql/database';
import {
  DEFAULT_METHOD,
  type NewPayment,
  type Payment,
  PaymentNotCancelable,
  PaymentNotFound,
  type PaymentWithRefunds,
  WrongState,
} from './model';
import { refundView } from './refunds';
import type { Step } from './rules';
import { advance, eventOf, type Outcome } from './states';
import * as store from './store';

export interface PaymentsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
}

/** What a request says of itself besides its body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/** May see everybody's payments and give them back. */
const MANAGE = 'payments:manage';

/** Takes a payment: it is on record, with the event that sets it going, before this answers. */
export async function createPayment(
  deps: PaymentsDeps,
  caller: Caller,
  input: NewPayment,
  request: RequestKey,
): Promise<StoredResponse<Payment>> {
  const amount = parseAmount(input.amount, input.currency);
  const keyed = { ...request, caller: caller.id, body: input };
  const answer = await idempotent(deps.database, keyed, async () => async (transaction) => {
    const id = uuidv7();
    await store.insertPayment(transaction, {
      id,
      userId: caller.id,
      accountId: input.account_id ?? null,
      amount,
      currency: input.currency,
      description: input.description,
      paymentMethod: input.payment_method ?? DEFAULT_METHOD,
    });
    const payment = await mustFind(store.findPayment(transaction, id));
    await writeOutbox(transaction, [eventOf(payment, caller.id)]);
    return { status: 202, headers: { location: `/payments/${id}` }, body: paymentView(payment) };
  });
  deps.outbox.wake();
  return answer;
}

export async function readPayment(
  deps: PaymentsDeps,
  caller: Caller,
  id: string,
): Promise<PaymentWithRefunds> {
  const payment = await mustSee(deps, caller, id);
  const refunds = await store.listRefunds(deps.database, id);
  return { ...paymentView(payment), refunds: refunds.map(refundView) };
}

export async function listPayments(
  deps: PaymentsDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Payment>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listPayments(deps.database, {
    userId: caller.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [row.id], paymentView);
}

/** Cancels a payment nobody has begun to work on; again changes nothing. */
export async function cancelPayment(deps: PaymentsDeps, caller: Caller, id: string): Promise<Payment> {
  await mustSee(deps, caller, id);
  try {
    return paymentView(await takeStep(deps, id, 'cancel', { actor: caller.id }));
  } catch (failure) {
    if (failure instanceof WrongState) throw new PaymentNotCancelable({ cause: failure });
    throw failure;
  }
}

/** Takes a payment into work. One that has ended meanwhile is returned as it is. */
export async function beginPayment(deps: PaymentsDeps, id: string): Promise<store.PaymentRow> {
  try {
    return await takeStep(deps, id, 'begin', { actor: null });
  } catch (failure) {
    if (failure instanceof WrongState) return mustFind(store.findPayment(deps.database, id));
    throw failure;
  }
}

export const finishPayment = (deps: PaymentsDeps, id: string, outcome: Outcome): Promise<store.PaymentRow> =>
  takeStep(deps, id, outcome.failureCode === undefined ? 'succeed' : 'fail', { actor: null, outcome });

async function takeStep(
  deps: PaymentsDeps,
  id: string,
  step: Step,
  by: { actor: string | null; outcome?: Outcome },
): Promise<store.PaymentRow> {
  const payment = await inTransaction(deps.database, async (transaction) =>
    advance(transaction, await mustFind(store.lockPayment(transaction, id)), step, by),
  );
  deps.outbox.wake();
  return payment;
}

/** @throws PaymentNotFound, also for a payment of somebody else */
export async function mustSee(deps: PaymentsDeps, caller: Caller, id: string): Promise<store.PaymentRow> {
  const payment = await mustFind(store.findPayment(deps.database, id));
  if (payment.userId !== caller.id && !caller.permissions.includes(MANAGE)) throw new PaymentNotFound();
  return payment;
}

export async function mustFind(found: Promise<store.PaymentRow | undefined>): Promise<store.PaymentRow> {
  const payment = await found;
  if (payment === undefined) throw new PaymentNotFound();
  return payment;
}

const paymentView = (payment: store.PaymentRow): Payment => ({
  id: payment.id,
  status: payment.state,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  description: payment.description,
  account_id: payment.accountId,
  payment_method: payment.paymentMethod,
  failure_code: payment.failureCode,
  transaction_id: payment.transferId,
  created_at: payment.createdAt.toISOString(),
  updated_at: payment.updatedAt.toISOString(),
});
