import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { formatAmount, parseAmount } from '#kit/money/amounts';
import type { AccountsDeps } from './deps';
import { reverseOnce, transferOnce } from './ledger';
import { TransactionNotFound } from './model';
import { openAccount, requireAccount, worldAccount } from './service';
import { type AccountRow, findByExternalId, type TransferRow, WORLD } from './store';

/** The ledger for services that move money on behalf of users. */
export const accountsGrpc = (deps: Pick<AccountsDeps, 'database'>) =>
  grpcService(AccountsServiceDefinition, {
    async openAccount({ user_id, currency }) {
      requireUuid('user_id', user_id);
      return { account: accountMessage(await openAccount(deps, user_id, currency)) };
    },
    async getAccount({ account_id }) {
      return { account: accountMessage(await requireAccount(deps, account_id)) };
    },
    async transfer({ external_id, sender_id, receiver_id, amount, currency, description }) {
      requireUuid('external_id', external_id);
      if (sender_id === undefined && receiver_id === undefined)
        throw new ValidationFailed({
          errors: [{ field: 'receiver_id', message: 'A sender, a receiver or both' }],
        });
      const minor = parseAmount(amount, currency);
      const transfer = await transferOnce(deps.database, {
        externalId: external_id,
        kind: sender_id === undefined ? 'deposit' : receiver_id === undefined ? 'withdrawal' : 'transfer',
        senderId: sender_id ?? (await worldAccount(deps, currency)).id,
        receiverId: receiver_id ?? (await worldAccount(deps, currency)).id,
        amount: minor,
        currency,
        description,
      });
      return { transfer: transferMessage(transfer) };
    },
    async getTransfer({ external_id }) {
      return { transfer: transferMessage(await requireTransfer(deps, external_id)) };
    },
    async reverseTransfer({ external_id, reversed_external_id, amount }) {
      requireUuid('external_id', external_id);
      const reversed = await requireTransfer(deps, reversed_external_id);
      const minor = amount === undefined ? undefined : parseAmount(amount, reversed.currency);
      return { transfer: transferMessage(await reverseOnce(deps.database, external_id, reversed, minor)) };
    },
  });

function requireUuid(field: string, value: string): void {
  if (!isUuid(value)) throw new ValidationFailed({ errors: [{ field, message: 'A UUID' }] });
}

async function requireTransfer(deps: Pick<AccountsDeps, 'database'>, externalId: string) {
  const transfer = isUuid(externalId) ? await findByExternalId(deps.database, externalId) : undefined;
  if (transfer === undefined) throw new TransactionNotFound();
  return transfer;
}

const accountMessage = (account: AccountRow) => ({
  id: account.id,
  user_id: account.ownerId === WORLD ? undefined : (account.ownerId ?? undefined),
  currency: account.currency,
  closed: account.closedAt !== null,
});

const transferMessage = (transfer: TransferRow) => ({
  id: transfer.id,
  external_id: transfer.externalId ?? '',
  sender_id: transfer.senderId,
  receiver_id: transfer.receiverId,
  amount: formatAmount(transfer.amount, transfer.currency),
  currency: transfer.currency,
  state: transfer.state,
});
