import { InvoicePaid } from '#contracts/events/billing';
import { ERASED_PAYER, type PaymentSucceeded } from '#contracts/events/payments';
import type { MessageOf } from '#contracts/messages';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { formatAmount, parseAmount } from '#kit/money/amounts';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { normalizeText } from '#kit/text/identity';
import type { BillingDeps } from './deps';
import { Invoice, InvoiceNotFound, type NewInvoice } from './model';
import * as store from './store';
import { invoiceView } from './views';

const invoicePages = checkedPages(Invoice);

/** The permission to create invoices for other users and to read all. */
const MANAGE = 'invoices:manage';

/** Creates an open invoice for the caller or, with permission, for another user. */
export async function createInvoice(
  deps: BillingDeps,
  caller: Caller,
  key: RequestKey,
  input: NewInvoice,
): Promise<StoredResponse<Invoice>> {
  const userId = input.user_id ?? caller.id;
  if (userId !== caller.id && !caller.permissions.includes(MANAGE))
    throw new Forbidden({ detail: `An invoice for another user requires the permission ${MANAGE}.` });
  const { currency } = input;
  const lines = input.lines.map((line, index) => ({
    description: normalizeText(line.description),
    minor: parseAmount(line.amount, currency, `lines.${index}.amount`),
  }));
  const total = lines.reduce((sum, line) => sum + line.minor, 0n);
  // An invoice above the maximum amount could never be paid.
  const amount = parseAmount(formatAmount(total, currency), currency, 'lines');
  const request = { ...key, caller: caller.id, body: input };
  return idempotent(deps.database, request, async () => async (transaction) => {
    const invoice = await issueInvoice(transaction, {
      userId,
      paymentId: null,
      currency,
      amount,
      lines: lines.map(({ description, minor }) => ({ description, amount: formatAmount(minor, currency) })),
      state: 'open',
      paidAt: null,
    });
    return { status: 201, headers: { location: `/invoices/${invoice.id}` }, body: invoiceView(invoice) };
  });
}

export async function readInvoice(deps: BillingDeps, caller: Caller, id: string): Promise<Invoice> {
  return invoiceView(await requireInvoice(deps, caller, id));
}

export async function listInvoices(
  deps: BillingDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Invoice>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listInvoices(deps.database, {
    userId: caller.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return invoicePages(rows, limit, { keyOf: (row) => [row.id], toItem: invoiceView, log: deps.runtime.log });
}

/**
 * Pays an invoice from the caller's account. The invoice's id is the idempotency key of the transfer: a retry does not pay
 * it twice.
 */
export async function payInvoice(deps: BillingDeps, caller: Caller, id: string): Promise<Invoice> {
  const invoice = await requireInvoice(deps, caller, id);
  if (invoice.userId !== caller.id)
    throw new Forbidden({ detail: 'Only the billed user may pay an invoice.' });
  if (invoice.state === 'paid') return invoiceView(invoice);
  await store.markPaying(deps.database, id);
  const { account } = await deps.accounts.openAccount({ user_id: caller.id, currency: invoice.currency });
  await deps.accounts.transfer({
    external_id: id,
    sender_id: account?.id,
    amount: formatAmount(invoice.amount, invoice.currency),
    currency: invoice.currency,
    description: `Invoice ${invoice.number}`,
  });
  return invoiceView(await completePayment(deps, id));
}

/** Marks an invoice as paid and publishes it; idempotent. Its transfer must be posted. */
export async function completePayment(
  deps: Pick<BillingDeps, 'database' | 'outbox'>,
  id: string,
): Promise<store.InvoiceRow> {
  const paid = await inTransaction(deps.database, async (transaction) => {
    const locked = await requireFound(store.lockInvoice(transaction, id));
    if (locked.state === 'paid') return locked;
    await store.markPaid(transaction, id);
    const marked = await requireFound(store.findInvoice(transaction, id));
    await publishPaid(transaction, marked);
    return marked;
  });
  deps.outbox.wake();
  return paid;
}

/** Issues the paid invoice of a succeeded payment; idempotent. */
export async function billPayment(
  deps: Pick<BillingDeps, 'database' | 'outbox'>,
  payment: MessageOf<typeof PaymentSucceeded>['data'],
): Promise<void> {
  if ((await store.findByPayment(deps.database, payment.payment_id)) !== undefined) return;
  try {
    await inTransaction(deps.database, async (transaction) => {
      const invoice = await issueInvoice(transaction, {
        userId: payment.user_id === ERASED_PAYER ? null : payment.user_id,
        paymentId: payment.payment_id,
        currency: payment.currency,
        amount: parseAmount(payment.amount, payment.currency),
        lines: [{ description: payment.description, amount: payment.amount }],
        state: 'paid',
        paidAt: new Date(payment.succeeded_at),
      });
      await publishPaid(transaction, invoice);
    });
  } catch (failure) {
    // A redelivery was handled concurrently.
    if (!isDuplicate(failure, 'invoices_of_payment')) throw failure;
  }
  deps.outbox.wake();
}

async function issueInvoice(
  transaction: Transaction,
  row: Omit<store.InvoiceRow, 'id' | 'number' | 'createdAt' | 'payingSince'>,
): Promise<store.InvoiceRow> {
  const id = uuidv7();
  await store.insertInvoice(transaction, { ...row, id, number: await store.nextNumber(transaction) });
  return requireFound(store.findInvoice(transaction, id));
}

async function publishPaid(transaction: Transaction, invoice: store.InvoiceRow): Promise<void> {
  const { id, userId, paidAt } = invoice;
  // An erased user is not notified.
  if (userId === null || paidAt === null) return;
  await writeOutbox(transaction, [
    outboxEntry(
      InvoicePaid,
      {
        invoice_id: id,
        number: invoice.number,
        user_id: userId,
        amount: formatAmount(invoice.amount, invoice.currency),
        currency: invoice.currency,
        lines: invoice.lines.map(({ description, amount }) => ({ description, amount })),
        paid_at: paidAt.toISOString(),
      },
      { aggregate: { type: 'invoice', id, version: 2 }, actor: userId },
    ),
  ]);
}

/** @throws InvoiceNotFound, also for an invoice the caller may not read */
async function requireInvoice(deps: BillingDeps, caller: Caller, id: string): Promise<store.InvoiceRow> {
  const invoice = await requireFound(store.findInvoice(deps.database, id));
  if (invoice.userId !== caller.id && !caller.permissions.includes(MANAGE)) throw new InvoiceNotFound();
  return invoice;
}

async function requireFound(found: Promise<store.InvoiceRow | undefined>): Promise<store.InvoiceRow> {
  const invoice = await found;
  if (invoice === undefined) throw new InvoiceNotFound();
  return invoice;
}
