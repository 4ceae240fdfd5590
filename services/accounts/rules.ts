/** Minor units of an account's currency. */
export interface Balances {
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
  /** How far below zero it may go; null without limit. */
  readonly overdraftLimit: bigint | null;
}

type Side = 'sender' | 'receiver';
export type Movement = 'post' | 'reserve' | 'post-reserved' | 'release';

export const balanceOf = (account: Balances): bigint => account.creditsPosted - account.debitsPosted;

/** What may still be sent: money on its way out is spent already, money on its way in is not there yet. */
export const availableOf = (account: Balances): bigint => balanceOf(account) - account.debitsPending;

/** Whether an amount may leave the account. */
export const covers = (account: Balances, amount: bigint): boolean =>
  account.overdraftLimit === null || availableOf(account) + account.overdraftLimit >= amount;

/** The balances of one side of a transfer after a movement of its money. */
export function moved<Account extends Balances>(
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
    case 'post-reserved':
      return [amount, -amount];
    case 'release':
      return [0n, -amount];
  }
}
