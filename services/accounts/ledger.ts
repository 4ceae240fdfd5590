import { uuidv7 } from '#kit/core/ids';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
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
import { applyMovement, balanceOf, hasFunds, type Movement } from './rules';
import * as store from './store';

export interface TransferRequest {
  /** Idempotency key of the calling service. */
  readonly externalId?: string;
  readonly kind: store.TransferRow['kind'];
  readonly senderId: string;
  readonly receiverId: string;
  /** Minor units, more than zero. */
  readonly amount: bigint;
  readonly currency: string;
  readonly description: string;
  /** If set, the amount is only reserved, for this long. */
  readonly pendingSeconds?: number;
  /** The transfer this one reverses. */
  readonly reverses?: string;
}

/**
 * Posts or reserves a transfer in the given transaction: balances, transfer and entries, all or nothing.
 *
 * @throws SameAccount, AccountNotFound, AccountClosed, CurrencyMismatch, InsufficientFunds
 */
export async function createTransfer(
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
  if (!hasFunds(parties.sender, amount)) throw new InsufficientFunds();
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
  return requireInserted(await store.findTransfer(transaction, id));
}

/**
 * Creates a transfer once per external id: a repeat returns the existing transfer.
 *
 * @param create how it is created in the transaction, where more than the funds has to be checked
 * @throws ExternalIdReused when the existing transfer differs from the request
 */
export async function transferOnce(
  database: Database,
  request: TransferRequest & { externalId: string },
  create = createTransfer,
): Promise<store.TransferRow> {
  const requireSame = (existing: store.TransferRow) => {
    const fields = ['senderId', 'receiverId', 'amount', 'currency', 'kind'] as const;
    const isSame = fields.every((field) => existing[field] === request[field]);
    if (!isSame || existing.reverses !== (request.reverses ?? null)) throw new ExternalIdReused();
    return existing;
  };
  const existing = await store.findByExternalId(database, request.externalId);
  if (existing !== undefined) return requireSame(existing);
  try {
    return await inTransaction(database, (transaction) => create(transaction, request));
  } catch (failure) {
    // A concurrent repeat committed first: its row is a duplicate, or has spent the funds this one needed.
    const concurrent = await store.findByExternalId(database, request.externalId);
    if (concurrent !== undefined) return requireSame(concurrent);
    throw failure;
  }
}

/**
 * Reverses a posted transfer, whole or in part: once per external id, and never more than the transfer moved.
 *
 * @param amount minor units, at least 1; the whole transfer unless given
 * @throws NotReversible also when earlier reversals leave less than the amount
 * @throws InsufficientFunds when the receiver has spent the money
 */
export async function reverseOnce(
  database: Database,
  externalId: string,
  reversed: store.TransferRow,
  amount = reversed.amount,
): Promise<store.TransferRow> {
  if (reversed.state !== 'posted' || reversed.kind === 'reversal') throw new NotReversible();
  const request = {
    externalId,
    kind: 'reversal' as const,
    senderId: reversed.receiverId,
    receiverId: reversed.senderId,
    amount,
    currency: reversed.currency,
    description: reversed.description,
    reverses: reversed.id,
  };
  return transferOnce(database, request, async (transaction) => {
    // All reversals of a transfer lock its accounts first, so that none is added between the sum and the insert.
    await lockParties(transaction, request);
    if ((await store.sumReversalsOf(transaction, reversed.id)) + amount > reversed.amount)
      throw new NotReversible();
    return createTransfer(transaction, request);
  });
}

/**
 * Settles a pending transfer: posts its amount, or releases the reservation.
 *
 * @throws NotPending when it is already settled otherwise, or to be posted after it expired
 * @throws AccountClosed when it is to be posted, and the receiver has been closed since
 */
export async function settle(
  database: Database,
  pending: store.TransferRow,
  state: 'posted' | 'voided' | 'expired',
): Promise<store.TransferRow> {
  return inTransaction(database, async (transaction) => {
    // Accounts before the transfer, as everywhere: a fixed lock order avoids deadlocks.
    const parties = await lockParties(transaction, pending);
    const locked = await store.lockTransfer(transaction, pending.id);
    if (locked === undefined) throw new TransactionNotFound();
    const { transfer, expired } = locked;
    if (transfer.state === state) return transfer;
    if (transfer.state !== 'pending' || (expired && state === 'posted')) throw new NotPending();
    // Closed since the reservation: nobody could spend what arrives there.
    if (state === 'posted' && parties.receiver.closedAt !== null) throw new AccountClosed();
    await store.settleTransfer(transaction, transfer.id, state);
    await move(transaction, parties, {
      id: transfer.id,
      amount: transfer.amount,
      movement: state === 'posted' ? 'post-pending' : 'void-pending',
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
      throw new AccountNotFound({ errors: [{ field, message: 'Account not found' }] });
    return account;
  };
  return { sender: find(senderId, 'sender_id'), receiver: find(receiverId, 'receiver_id') };
}

async function move(
  transaction: Transaction,
  parties: Parties,
  { id, amount, movement }: { id: string; amount: bigint; movement: Movement },
): Promise<void> {
  const sender = applyMovement(parties.sender, 'sender', movement, amount);
  const receiver = applyMovement(parties.receiver, 'receiver', movement, amount);
  await store.updateBalances(transaction, sender);
  await store.updateBalances(transaction, receiver);
  if (movement === 'reserve' || movement === 'void-pending') return;
  await store.insertEntries(transaction, [
    { accountId: sender.id, transferId: id, amount: -amount, balanceAfter: balanceOf(sender) },
    { accountId: receiver.id, transferId: id, amount, balanceAfter: balanceOf(receiver) },
  ]);
}

function requireInserted(row: store.TransferRow | undefined): store.TransferRow {
  if (row === undefined) throw new Error('transfer not found in the transaction that inserted it');
  return row;
}
