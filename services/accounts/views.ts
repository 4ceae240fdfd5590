import { formatAmount } from '#kit/money/amounts';
import type { Account, Entry, Transaction } from './model';
import { availableOf, balanceOf } from './rules';
import { type AccountRow, type EntryRow, type TransferRow, WORLD } from './store';

/** For those who may read it. */
export const accountView = (account: AccountRow): Account => ({
  id: account.id,
  user_id: account.ownerId === WORLD ? null : account.ownerId,
  currency: account.currency,
  status: account.closedAt === null ? 'open' : 'closed',
  balance: formatAmount(balanceOf(account), account.currency),
  available: formatAmount(availableOf(account), account.currency),
  created_at: account.createdAt.toISOString(),
});

export const transactionView = (transfer: TransferRow): Transaction => ({
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

export const entryView = ({ entry, transfer }: EntryRow): Entry => ({
  id: String(entry.id),
  transaction_id: transfer.id,
  counterparty_id: entry.accountId === transfer.senderId ? transfer.receiverId : transfer.senderId,
  amount: formatAmount(entry.amount, transfer.currency),
  balance_after: formatAmount(entry.balanceAfter, transfer.currency),
  currency: transfer.currency,
  description: transfer.description,
  created_at: entry.createdAt.toISOString(),
});
