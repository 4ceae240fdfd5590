import type { Caller } from '#kit/auth/caller';
import { Problem } from '#kit/errors/problem';
import type { PaymentsDeps } from './deps';
import { PaymentAccountNotFound, PaymentCurrencyMismatch } from './model';

/**
 * Requires that a payment can credit an account: an open one of the caller in the currency of the payment. The worker
 * checks it again, as it may be closed meanwhile.
 *
 * @throws PaymentAccountNotFound alike for an unknown account, for somebody else's and for a closed one
 * @throws PaymentCurrencyMismatch
 */
export async function requireOwnAccount(
  deps: PaymentsDeps,
  caller: Caller,
  accountId: string,
  currency: string,
): Promise<void> {
  const account = await findAccount(deps, accountId);
  if (account?.user_id !== caller.id || account.closed)
    throw new PaymentAccountNotFound({
      errors: [{ field: 'account_id', message: 'The ID of an open account of yours' }],
    });
  if (account.currency !== currency)
    throw new PaymentCurrencyMismatch({
      errors: [{ field: 'currency', message: 'The currency of the account' }],
    });
}

async function findAccount({ accounts }: PaymentsDeps, id: string) {
  try {
    return (await accounts.getAccount({ account_id: id })).account;
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return undefined;
    throw failure;
  }
}
