import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import { isCurrency } from '#kit/money/amounts';
import { inTransaction } from '#kit/mysql/database';
import type { AccountsDeps } from './deps';
import { type Account, AccountClosed, AccountNotFound, Entry, type NewAccount } from './model';
import { mayRead } from './rules';
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
  return accountView(await openAccount(deps, caller.id, currency));
}

export const closeAccountsOf = (deps: Pick<AccountsDeps, 'database'>, userId: string): Promise<void> =>
  inTransaction(deps.database, (transaction) => store.eraseOwner(transaction, userId));

export async function readAccount(deps: AccountsDeps, caller: Caller, id: string): Promise<Account> {
  return accountView(await requireReadable(caller, store.findAccount(deps.database, id)));
}

export async function readAccountOf(
  deps: AccountsDeps,
  caller: Caller,
  userId: string,
  currency = deps.defaultCurrency,
): Promise<Account> {
  const isPerson = isUuid(userId) && userId !== store.WORLD;
  const found = isPerson ? store.findAccountOf(deps.database, userId, currency) : undefined;
  return accountView(await requireReadable(caller, found));
}

export async function listEntries(
  deps: AccountsDeps,
  caller: Caller,
  accountId: string,
  query: PageQuery,
): Promise<Page<Entry>> {
  await requireReadable(caller, store.findAccount(deps.database, accountId));
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

/** @throws AccountNotFound alike for an unknown account and for one that the caller may not read */
async function requireReadable(
  caller: Caller,
  found: Promise<store.AccountRow | undefined> | undefined,
): Promise<store.AccountRow> {
  const account = await found;
  if (account === undefined || !mayRead(account, caller)) throw new AccountNotFound();
  return account;
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
