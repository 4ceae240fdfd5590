import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import type { AccountsDeps } from './deps';
import { AccountNotFound, type Payee, type PayeeQuery } from './model';
import { type AccountRow, findAccount, findAccountOf, WORLD } from './store';

/**
 * Where a person is paid, by account or by person: all that anybody but the owner learns of an account. The external
 * accounts and those of erased users have no holder, and do not exist here.
 *
 * @throws AccountNotFound
 */
export async function findPayee(deps: AccountsDeps, query: PayeeQuery): Promise<Payee> {
  const account = await accountIn(deps, query);
  if (account === undefined || account.ownerId === null || account.ownerId === WORLD)
    throw new AccountNotFound();
  const { users } = await deps.users.getUsers({ ids: [account.ownerId] });
  const [holder] = users;
  if (holder === undefined) throw new AccountNotFound();
  return {
    account_id: account.id,
    holder: holder.display_name || holder.username,
    currency: account.currency,
    accepts: account.closedAt === null,
  };
}

async function accountIn(
  { database, defaultCurrency }: AccountsDeps,
  { account_id, user_id, currency }: PayeeQuery,
): Promise<AccountRow | undefined> {
  if ((account_id === undefined) === (user_id === undefined))
    throw new ValidationFailed({
      errors: [{ field: 'account_id', message: 'Either account_id or user_id' }],
    });
  if (account_id !== undefined && currency !== undefined)
    throw new ValidationFailed({ errors: [{ field: 'currency', message: 'Only with user_id' }] });
  if (account_id !== undefined) return findAccount(database, account_id);
  return user_id !== undefined && isUuid(user_id)
    ? findAccountOf(database, user_id, currency ?? defaultCurrency)
    : undefined;
}
