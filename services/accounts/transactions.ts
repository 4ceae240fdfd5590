import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { Forbidden } from '#kit/errors/problem';
import {
  type IdempotentRequest,
  idempotent,
  type RequestKey,
  type StoredResponse,
} from '#kit/http/idempotency';
import { parseAmount } from '#kit/money/amounts';
import { normalizeText } from '#kit/text/identity';
import type { AccountsDeps } from './deps';
import * as ledger from './ledger';
import {
  AccountNotFound,
  type NewDeposit,
  type NewTransaction,
  type Transaction,
  TransactionNotFound,
} from './model';
import { READ_ALL } from './rules';
import { requireAccount, worldAccount } from './service';
import * as store from './store';
import { transactionView } from './views';

const DEFAULT_PENDING_SECONDS = 7 * 86_400;
const EXPIRE_EVERY_MS = 1_000;
const EXPIRE_BATCH = 100;

/**
 * Transfers or reserves money from an account of the caller, to any but an external one.
 *
 * @throws Forbidden alike for an unknown sending account and for one of somebody else
 */
export async function createTransaction(
  deps: AccountsDeps,
  caller: Caller,
  key: RequestKey,
  input: NewTransaction,
): Promise<StoredResponse<Transaction>> {
  const { sender_id: senderId, receiver_id: receiverId } = input;
  const sender = await store.findAccount(deps.database, senderId);
  if (sender?.ownerId !== caller.id)
    throw new Forbidden({ detail: 'Only the owner may transfer money from an account.' });
  const receiver = await store.findAccount(deps.database, receiverId);
  // Every statement names the external account, which is to be credited by withdrawals alone.
  if (receiver === undefined || receiver.ownerId === store.WORLD)
    throw new AccountNotFound({ errors: [{ field: 'receiver_id', message: 'Account not found' }] });
  const currency = input.currency ?? sender.currency;
  const amount = parseAmount(input.amount, currency);
  const pendingSeconds = input.pending ? (input.expires_in_seconds ?? DEFAULT_PENDING_SECONDS) : undefined;
  return transferIdempotently(
    deps,
    { ...key, caller: caller.id, body: input },
    {
      kind: 'transfer',
      senderId,
      receiverId,
      amount,
      currency,
      description: normalizeText(input.description ?? ''),
      ...(pendingSeconds !== undefined && { pendingSeconds }),
    },
  );
}

/** Credits an account from the world account. */
export async function createDeposit(
  deps: AccountsDeps,
  caller: Caller,
  { accountId, key }: { accountId: string; key: RequestKey },
  input: NewDeposit,
): Promise<StoredResponse<Transaction>> {
  const account = await requireAccount(deps, accountId);
  const world = await worldAccount(deps, account.currency);
  if (account.id === world.id) throw new AccountNotFound();
  return transferIdempotently(
    deps,
    { ...key, caller: caller.id, body: { ...input, account_id: accountId } },
    {
      kind: 'deposit',
      senderId: world.id,
      receiverId: account.id,
      amount: parseAmount(input.amount, account.currency),
      currency: account.currency,
      description: normalizeText(input.description ?? ''),
    },
  );
}

export async function readTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  return transactionView((await requireTransaction(deps, caller, id)).transfer);
}

/** Posts a pending transaction; the sender only. */
export async function postTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  const { transfer, isSender } = await requireTransaction(deps, caller, id);
  if (!isSender) throw new Forbidden({ detail: 'Only the sender may post a transaction.' });
  return transactionView(await ledger.settle(deps.database, transfer, 'posted'));
}

/** Voids a pending transaction: canceled by the sender or declined by the receiver. */
export async function voidTransaction(deps: AccountsDeps, caller: Caller, id: string): Promise<Transaction> {
  const { transfer, isSender, isReceiver } = await requireTransaction(deps, caller, id);
  if (!isSender && !isReceiver)
    throw new Forbidden({ detail: 'Only the sender or the receiver may void a transaction.' });
  return transactionView(await ledger.settle(deps.database, transfer, 'voided'));
}

/** Releases the reserved money of expired pending transactions, every second until shutdown. */
export function expireTransactions(deps: Pick<AccountsDeps, 'runtime' | 'database'>): void {
  const { runtime, database } = deps;
  repeatEvery(runtime, 'expiring transactions', { everyMs: EXPIRE_EVERY_MS }, async () => {
    for (const id of await store.listExpired(database, EXPIRE_BATCH)) {
      const transfer = await store.findTransfer(database, id);
      // Posted or voided concurrently, or expired by another instance.
      if (transfer?.state !== 'pending') continue;
      await ledger.settle(database, transfer, 'expired');
    }
  });
}

function transferIdempotently(
  deps: AccountsDeps,
  request: IdempotentRequest,
  transfer: ledger.TransferRequest,
): Promise<StoredResponse<Transaction>> {
  return idempotent(deps.database, request, async () => async (transaction) => {
    const view = transactionView(await ledger.createTransfer(transaction, transfer));
    return { status: 201, headers: { location: `/transactions/${view.id}` }, body: view };
  });
}

/** @throws TransactionNotFound, also when the caller is neither a party nor permitted to read all */
async function requireTransaction(deps: AccountsDeps, caller: Caller, id: string) {
  const transfer = await store.findTransfer(deps.database, id);
  if (transfer === undefined) throw new TransactionNotFound();
  const sender = await store.findAccount(deps.database, transfer.senderId);
  const receiver = await store.findAccount(deps.database, transfer.receiverId);
  const isSender = sender?.ownerId === caller.id;
  const isReceiver = receiver?.ownerId === caller.id;
  if (!isSender && !isReceiver && !caller.permissions.includes(READ_ALL)) throw new TransactionNotFound();
  return { transfer, isSender, isReceiver };
}
