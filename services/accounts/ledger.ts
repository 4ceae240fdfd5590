import { uuidv7 } from '#kit/core/ids';
import { type Database, inTransaction, isDuplicate, type Transaction } from '#kit/mysql/database';
import {
  AccountClosed,
  AccountNotFound,
  CurrencyMismatch,
  ExternalIdReused,
  InsufficientFunds,
  NotPending,
  NotReversible,
  SameAccount,
  TransactionNotFound,
} from './model';
import { balanceOf, covers, type Movement, moved } from './rules';
import * as store from './store';

export interface TransferRequest {
  /** Asked twice under one, it is done once. */
  readonly externalId?: string;
  readonly kind: store.TransferRow['kind'];
  readonly senderId: string;
  readonly receiverId: string;
  /** Minor units, more than zero. */
  readonly amount: bigint;
  readonly currency: string;
  readonly description: string;
  /** Set: the money is only reserved, for so long. */
  readonly pendingSeconds?: number;
  readonly reverses?: string;
}

/**
 * Moves or reserves money, in the transaction given: balances, transfer and entries, all or nothing.
 *
 * @throws SameAccount, AccountNotFound, AccountClosed, CurrencyMismatch, InsufficientFunds
 */
export async function transferIn(
  transaction: Transaction,
  request: TransferRequest,
): Promise<store.TransferRow> {
  const {
    externalId = null,
    reverses = null,
    senderId,
    receiverId,
    amount,
    currency,
    pendingSeconds,
  } = request;
  if (senderId === receiverId) throw new SameAccount();
  const parties = await lockParties(transaction, { senderId, receiverId });
  for (const account of [parties.sender, parties.receiver]) {
    if (account.closedAt !== null) throw new AccountClosed();
    if (account.currency !== currency) throw new CurrencyMismatch();
  }
  if (!covers(parties.sender, amount)) throw new InsufficientFunds();
  const id = uuidv7();
  const pending = pendingSeconds !== undefined;
  await store.insertTransfer(
    transaction,
    {
      id,
      externalId,
      kind: request.kind,
      senderId,
      receiverId,
      amount,
      currency,
      description: request.description,
      state: pending ? 'pending' : 'posted',
      reverses,
    },
    pendingSeconds,
  );
  await move(transaction, parties, { id, amount, movement: pending ? 'reserve' : 'post' });
  return mustFind(await store.findTransfer(transaction, id));
}

/**
 * Moves money once for its external id: a repeat gets the transfer there is.
 *
 * @throws ExternalIdReused when that one is about something else
 */
export async function transferOnce(
  database: Database,
  request: TransferRequest & { externalId: string },
): Promise<store.TransferRow> {
  const same = (earlier: store.TransferRow) => {
    const fields = ['senderId', 'receiverId', 'amount', 'currency', 'kind'] as const;
    if (fields.some((field) => earlier[field] !== request[field])) throw new ExternalIdReused();
    return earlier;
  };
  const earlier = await store.findByExternalId(database, request.externalId);
  if (earlier !== undefined) return same(earlier);
  try {
    return await inTransaction(database, (transaction) => transferIn(transaction, request));
  } catch (failure) {
    // Asked twice at the same time; or refused now for what the other one has just done.
    const meanwhile = await store.findByExternalId(database, request.externalId);
    if (meanwhile !== undefined) return same(meanwhile);
    throw failure;
  }
}

/**
 * Moves the money of a posted transfer back, once.
 *
 * @throws TransactionNotFound, NotReversible, InsufficientFunds when the receiver has spent it
 */
export async function reverseOnce(
  database: Database,
  externalId: string,
  reversed: store.TransferRow,
): Promise<store.TransferRow> {
  if (reversed.state !== 'posted' || reversed.kind === 'reversal') throw new NotReversible();
  const earlier = await store.findReversalOf(database, reversed.id);
  if (earlier !== undefined && earlier.externalId !== externalId) throw new NotReversible();
  try {
    return await transferOnce(database, {
      externalId,
      kind: 'reversal',
      senderId: reversed.receiverId,
      receiverId: reversed.senderId,
      amount: reversed.amount,
      currency: reversed.currency,
      description: reversed.description,
      reverses: reversed.id,
    });
  } catch (failure) {
    if (isDuplicate(failure, 'transfers_reversed_once')) throw new NotReversible({ cause: failure });
    throw failure;
  }
}

/**
 * Ends a pending transfer: its money moves, or is free again.
 *
 * @throws NotPending when it has ended before, or is to be posted too late
 */
export async function settle(
  database: Database,
  pending: store.TransferRow,
  state: 'posted' | 'voided' | 'expired',
): Promise<store.TransferRow> {
  return inTransaction(database, async (transaction) => {
    // Accounts first, as everywhere: two that lock in different orders wait for each other.
    const parties = await lockParties(transaction, pending);
    const locked = await store.lockTransfer(transaction, pending.id);
    if (locked === undefined) throw new TransactionNotFound();
    const { transfer, expired } = locked;
    if (transfer.state === state) return transfer;
    if (transfer.state !== 'pending' || (expired && state === 'posted')) throw new NotPending();
    await store.settleTransfer(transaction, transfer.id, state);
    await move(transaction, parties, {
      id: transfer.id,
      amount: transfer.amount,
      movement: state === 'posted' ? 'post-reserved' : 'release',
    });
    return { ...transfer, state };
  });
}

interface Parties {
  readonly sender: store.AccountRow;
  readonly receiver: store.AccountRow;
}

async function lockParties(
  transaction: Transaction,
  { senderId, receiverId }: { senderId: string; receiverId: string },
): Promise<Parties> {
  const locked = await store.lockAccounts(transaction, [senderId, receiverId]);
  const find = (id: string, field: string) => {
    const account = locked.get(id);
    if (account === undefined)
      throw new AccountNotFound({ errors: [{ field, message: 'There is no such account' }] });
    return account;
  };
  return { sender: find(senderId, 'sender_id'), receiver: find(receiverId, 'receiver_id') };
}

async function move(
  transaction: Transaction,
  parties: Parties,
  { id, amount, movement }: { id: string; amount: bigint; movement: Movement },
): Promise<void> {
  const sender = moved(parties.sender, 'sender', movement, amount);
  const receiver = moved(parties.receiver, 'receiver', movement, amount);
  await store.updateBalances(transaction, sender);
  await store.updateBalances(transaction, receiver);
  if (movement === 'reserve' || movement === 'release') return;
  await store.insertEntries(transaction, [
    { accountId: sender.id, transferId: id, amount: -amount, balanceAfter: balanceOf(sender) },
    { accountId: receiver.id, transferId: id, amount, balanceAfter: balanceOf(receiver) },
  ]);
}

function mustFind(row: store.TransferRow | undefined): store.TransferRow {
  if (row === undefined) throw new Error('a transfer is gone in the transaction that inserted it');
  return row;
}
