import type { JSONWebKeySet } from 'jose';
import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { Forbidden, ValidationFailed } from '#kit/errors/problem';
import { type IdempotentRequest, idempotent, type StoredResponse } from '#kit/http/idempotency';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { formatAmount, isCurrency, parseAmount } from '#kit/money/amounts';
import { type Database, inTransaction } from '#kit/mysql/database';
import * as ledger from './ledger';
import {
  type Account,
  AccountClosed,
  AccountNotFound,
  type Entry,
  type NewDeposit,
  type NewTransaction,
  type Transaction,
  TransactionNotFound,
} from './model';
import type { UsersClient } from './people';
import { availableOf, balanceOf } from './rules';
import * as store from './store';

export interface AccountsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly users: UsersClient;
  /** Makes usernames of phone numbers without giving the numbers away. */
  readonly phoneSecret: string;
  /** Of the account everybody gets. */
  readonly defaultCurrency: string;
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
}

/** What a request says of itself besides its body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/** May see everybody's balances and transactions. */
const READ_ALL = 'accounts:read';
const PENDING_SECONDS = 7 * 86_400;

/**
 * A person's account in a currency, opened where there is none.
 *
 * @throws AccountClosed for somebody who has been erased
 */
export async function openAccount(
  deps: Pick<AccountsDeps, 'database'>,
  ownerId: string,
  currency: string,
): Promise<store.AccountRow> {
  if (!isCurrency(currency))
    throw new ValidationFailed({ errors: [{ field: 'currency', message: 'A currency of ISO 4217' }] });
  const { database } = deps;
  const known = await store.findAccountOf(database, ownerId, currency);
  if (known !== undefined) return known;
  if (await store.isErased(database, ownerId)) throw new AccountClosed();
  await store.insertAccount(database, ownerId, currency);
  const opened = await store.findAccountOf(database, ownerId, currency);
  if (opened === undefined) throw new AccountClosed();
  return opened;
}

/** The account money comes from and goes to when it enters or leaves the house. */
export const worldAccount = (deps: Pick<AccountsDeps, 'database'>, currency: string) =>
  openAccount(deps, store.WORLD, currency);

export const closeAccountsOf = (deps: Pick<AccountsDeps, 'database'>, userId: string): Promise<void> =>
  inTransaction(deps.database, (transaction) => store.erasePerson(transaction, userId));

export async function readAccount(deps: AccountsDeps, caller: Caller, id: string): Promise<Account> {
  return accountView(await mustFindAccount(deps, id), caller);
}

export async function readAccountOf(
  deps: AccountsDeps,
  caller: Caller,
  userId: string,
  currency = deps.defaultCurrency,
): Promise<Account> {
  const account = isUuid(userId) && (await store.findAccountOf(deps.database, userId, currency));
  if (!account || userId === store.WORLD) throw new AccountNotFound();
  return accountView(account, caller);
}

export async function listEntries(
  deps: AccountsDeps,
  caller: Caller,
  accountId: string,
  query: PageQuery,
): Promise<Page<Entry>> {
  const account = await mustFindAccount(deps, accountId);
  if (!maySee(account, caller)) throw new Forbidden({ detail: 'Only its owner may read its statement.' });
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listEntries(deps.database, {
    accountId,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [String(row.entry.id)], entryView);
}

/** Sends money from an account of the caller's. */
export async function createTransaction(
  deps: AccountsDeps,
  caller: Caller,
  input: NewTransaction,
  request: RequestKey,
): Promise<StoredResponse<Transaction>> {
  const { sender_id: senderId, receiver_id: receiverId } = input;
  const sender = await mustFindAccount(deps, senderId);
  if (sender.ownerId !== caller.id)
    throw new Forbidden({ detail: 'Only its owner may send from an account.' });
  const currency = input.currency ?? sender.currency;
  const amount = parseAmount(input.amount, currency);
  const pendingSeconds = input.pending ? (input.expires_in_seconds ?? PENDING_SECONDS) : undefined;
  return kept(deps, caller, input, request, {
    kind: 'transfer',
    senderId,
    receiverId,
    amount,
    currency,
    description: input.description ?? '',
    ...(pendingSeconds !== undefined && { pendingSeconds }),
  });
}

/** Brings money in from the outside world. */
export async function createDeposit(
  deps: AccountsDeps,
  caller: Caller,
  accountId: string,
  input: NewDeposit,
  request: RequestKey,
): Promise<StoredResponse<Transaction>> {
  const account = await mustFindAccount(deps, accountId);
  const world = await worldAccount(deps, account.currency);
  if (account.id === world.id) throw new AccountNotFound();
  return kept(deps, caller, { ...input, account_id: accountId }, request, {
    kind: 'deposit',
    senderId: world.id,
    receiverId: account.id,
    amount: parseAmount(input.amount, account.currency),
    currency: account.currency,
    description: input.description ?? '',
  });
}

function kept(
  deps: AccountsDeps,
  caller: Caller,
  body: unknown,
  request: RequestKey,
  transfer: ledger.TransferRequest,
): Promise<StoredResponse<Transaction>> {
  return idempotent(
    deps.database,
    { ...request, caller: caller.id, body },
    async () => async (transaction) => {
      const view = transactionView(await ledger.transferIn(transaction, transfer));
      return { status: 201, headers: { location: `/transactions/${view.id}` }, body: view };
    },
  );
}

export async function readTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  return transactionView((await mustSee(deps, caller, id)).transfer);
}

/** The sender lets reserved money go. */
export async function postTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  const { transfer, isSender } = await mustSee(deps, caller, id);
  if (!isSender) throw new Forbidden({ detail: 'Only the sender may post a transaction.' });
  return transactionView(await ledger.settle(deps.database, transfer, 'posted'));
}

/** The sender takes it back, or the receiver refuses it. */
export async function voidTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  const { transfer, isSender, isReceiver } = await mustSee(deps, caller, id);
  if (!isSender && !isReceiver)
    throw new Forbidden({ detail: 'Only the sender or the receiver may void a transaction.' });
  return transactionView(await ledger.settle(deps.database, transfer, 'voided'));
}

const EXPIRE_EVERY_MS = 1_000;
const EXPIRE_ROWS = 100;

/** Frees the money of pending transactions whose time is over, every second. */
export function expireTransactions(deps: Pick<AccountsDeps, 'runtime' | 'database'>): void {
  const { runtime, database } = deps;
  repeatEvery(runtime, 'expiring transactions', { everyMs: EXPIRE_EVERY_MS }, async () => {
    for (const id of await store.listExpired(database, EXPIRE_ROWS)) {
      const transfer = await store.findTransfer(database, id);
      // Posted or voided in this moment, or expired by another instance.
      if (transfer?.state !== 'pending') continue;
      await ledger.settle(database, transfer, 'expired');
    }
  });
}

export async function mustFindAccount(
  deps: Pick<AccountsDeps, 'database'>,
  id: string,
): Promise<store.AccountRow> {
  const account = await store.findAccount(deps.database, id);
  if (account === undefined) throw new AccountNotFound();
  return account;
}

/** @throws TransactionNotFound, also for a transaction between others */
async function mustSee(deps: AccountsDeps, caller: Caller, id: string) {
  const transfer = await store.findTransfer(deps.database, id);
  if (transfer === undefined) throw new TransactionNotFound();
  const sender = await store.findAccount(deps.database, transfer.senderId);
  const receiver = await store.findAccount(deps.database, transfer.receiverId);
  const isSender = sender?.ownerId === caller.id;
  const isReceiver = receiver?.ownerId === caller.id;
  if (!isSender && !isReceiver && !caller.permissions.includes(READ_ALL)) throw new TransactionNotFound();
  return { transfer, isSender, isReceiver };
}

const maySee = (account: store.AccountRow, caller: Caller): boolean =>
  account.ownerId === caller.id || caller.permissions.includes(READ_ALL);

export const accountView = (account: store.AccountRow, caller: Caller): Account => ({
  id: account.id,
  user_id: account.ownerId === store.WORLD ? null : account.ownerId,
  currency: account.currency,
  status: account.closedAt === null ? 'open' : 'closed',
  ...(maySee(account, caller) && balancesView(account)),
  created_at: account.createdAt.toISOString(),
});

export const balancesView = (account: store.AccountRow) => ({
  balance: formatAmount(balanceOf(account), account.currency),
  available: formatAmount(availableOf(account), account.currency),
});

const transactionView = (transfer: store.TransferRow): Transaction => ({
  id: transfer.id,
  kind: transfer.kind,
  sender_id: transfer.senderId,
  receiver_id: transfer.receiverId,
  amount: formatAmount(transfer.amount, transfer.currency),
  currency: transfer.currency,
  description: transfer.description,
  status: transfer.state,
  reverses: transfer.reverses,
  expires_at: transfer.expiresAt?.toISOString() ?? null,
  created_at: transfer.createdAt.toISOString(),
});

function entryView({ entry, transfer }: Awaited<ReturnType<typeof store.listEntries>>[number]): Entry {
  return {
    id: String(entry.id),
    transaction_id: transfer.id,
    counterparty_id: entry.accountId === transfer.senderId ? transfer.receiverId : transfer.senderId,
    amount: formatAmount(entry.amount, transfer.currency),
    balance_after: formatAmount(entry.balanceAfter, transfer.currency),
    currency: transfer.currency,
    description: transfer.description,
    created_at: entry.createdAt.toISOString(),
  };
}
