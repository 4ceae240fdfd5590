import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { Forbidden, ValidationFailed } from '#kit/errors/problem';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import { isCurrency } from '#kit/money/amounts';
import { inTransaction } from '#kit/mysql/database';
import type { AccountsDeps } from './deps';
import { type Account, AccountClosed, AccountNotFound, Entry, type NewAccount } from './model';
import { mayReadBalances } from './rules';
import * as store from './store';
import { accountView, entryView } from './views';

const entryPages = checkedPages(Entry);

/**
 * Opens an account, or returns the owner's existing one in this currency.
 *
 * @throws AccountClosed when the owner has been erased
 */
export async function openAccount(
  deps: Pick<AccountsDeps, 'database'>,
  ownerId: string,
  currency: string,
): Promise<store.AccountRow> {
  if (!isCurrency(currency))
    throw new ValidationFailed({ errors: [{ field: 'currency', message: 'An ISO 4217 currency code' }] });
  const { database } = deps;
  const existing = await store.findAccountOf(database, ownerId, currency);
  if (existing !== undefined) return existing;
  if (await store.isErased(database, ownerId)) throw new AccountClosed();
  await store.insertAccount(database, ownerId, currency);
  const opened = await store.findAccountOf(database, ownerId, currency);
  if (opened === undefined) throw new AccountClosed();
  return opened;
}

/** The account deposits are debited from and withdrawals are credited to. */
export const worldAccount = (deps: Pick<AccountsDeps, 'database'>, currency: string) =>
  openAccount(deps, store.WORLD, currency);

export async function openOwnAccount(
  deps: AccountsDeps,
  caller: Caller,
  { currency }: NewAccount,
): Promise<Account> {
  return accountView(await openAccount(deps, caller.id, currency), caller);
}

export const closeAccountsOf = (deps: Pick<AccountsDeps, 'database'>, userId: string): Promise<void> =>
  inTransaction(deps.database, (transaction) => store.eraseOwner(transaction, userId));

export async function readAccount(deps: AccountsDeps, caller: Caller, id: string): Promise<Account> {
  return accountView(await requireAccount(deps, id), caller);
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
  const account = await requireAccount(deps, accountId);
  if (!mayReadBalances(account, caller))
    throw new Forbidden({ detail: 'Only the owner may list the entries of an account.' });
  const { limit, after } = readPageQuery(query, [integerKey]);
  const rows = await store.listEntries(deps.database, {
    accountId,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return entryPages(rows, limit, {
    keyOf: (row) => [String(row.entry.id)],
    toItem: entryView,
    log: deps.runtime.log,
  });
}

/** @throws AccountNotFound */
export async function requireAccount(
  deps: Pick<AccountsDeps, 'database'>,
  id: string,
): Promise<store.AccountRow> {
  const account = await store.findAccount(deps.database, id);
  if (account === undefined) throw new AccountNotFound();
  return account;
}
