import type { Caller } from '#kit/auth/caller';

/** Minor units of the account's currency. */
export interface Balances {
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
  /** How far the balance may go below zero; null means no limit. */
  readonly overdraftLimit: bigint | null;
}

type Side = 'sender' | 'receiver';
/** `post` and `reserve` start a transfer; `post-pending` and `void-pending` settle a reserved one. */
export type Movement = 'post' | 'reserve' | 'post-pending' | 'void-pending';

/** The permission to read the balances and transactions of all users. */
export const READ_ALL = 'accounts:read';

/** Whether a caller may read an account, its balances and its entries. To all others it does not exist. */
export const mayRead = (
  account: { readonly ownerId: string | null },
  caller: Pick<Caller, 'id' | 'permissions'>,
): boolean => account.ownerId === caller.id || caller.permissions.includes(READ_ALL);

export const balanceOf = (account: Balances): bigint => account.creditsPosted - account.debitsPosted;

/** The amount that can be sent: pending debits are subtracted, pending credits are not yet added. */
export const availableOf = (account: Balances): bigint => balanceOf(account) - account.debitsPending;

export const hasFunds = (account: Balances, amount: bigint): boolean =>
  account.overdraftLimit === null || availableOf(account) + account.overdraftLimit >= amount;

/** The account of one side of a transfer, after the movement. */
export function applyMovement<Account extends Balances>(
  account: Account,
  side: Side,
  movement: Movement,
  amount: bigint,
): Account {
  const [posted, pending] =
    side === 'sender'
      ? (['debitsPosted', 'debitsPending'] as const)
      : (['creditsPosted', 'creditsPending'] as const);
  const [postedChange, pendingChange] = changesOf(movement, amount);
  return {
    ...account,
    [posted]: account[posted] + postedChange,
    [pending]: account[pending] + pendingChange,
  };
}

function changesOf(movement: Movement, amount: bigint): [posted: bigint, pending: bigint] {
  switch (movement) {
    case 'post':
      return [amount, 0n];
    case 'reserve':
      return [0n, amount];
    case 'post-pending':
      return [amount, -amount];
    case 'void-pending':
      return [0n, -amount];
  }
}
