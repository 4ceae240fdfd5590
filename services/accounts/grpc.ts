import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { formatAmount, parseAmount } from '#kit/money/amounts';
import { reverseOnce, transferOnce } from './ledger';
import { TransactionNotFound } from './model';
import { type AccountsDeps, mustFindAccount, openAccount, worldAccount } from './service';
import { type AccountRow, findByExternalId, type TransferRow, WORLD } from './store';

/** What services ask who move money on somebody's behalf. */
export const accountsGrpc = (deps: Pick<AccountsDeps, 'database'>) =>
  grpcService(AccountsServiceDefinition, {
    async openAccount({ user_id, currency }) {
      mustBeUuid('user_id', user_id);
      return { account: accountOf(await openAccount(deps, user_id, currency)) };
    },
    async getAccount({ account_id }) {
      return { account: accountOf(await mustFindAccount(deps, account_id)) };
    },
    async transfer({ external_id, sender_id, receiver_id, amount, currency, description }) {
      mustBeUuid('external_id', external_id);
      if (sender_id === undefined && receiver_id === undefined)
        throw new ValidationFailed({
          errors: [{ field: 'receiver_id', message: 'Sender, receiver or both' }],
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
      return { transfer: transferOf(transfer) };
    },
    async getTransfer({ external_id }) {
      return { transfer: transferOf(await mustFindTransfer(deps, external_id)) };
    },
    async reverseTransfer({ external_id, reversed_external_id }) {
      mustBeUuid('external_id', external_id);
      const reversed = await mustFindTransfer(deps, reversed_external_id);
      return { transfer: transferOf(await reverseOnce(deps.database, external_id, reversed)) };
    },
  });

function mustBeUuid(field: string, value: string): void {
  if (!isUuid(value)) throw new ValidationFailed({ errors: [{ field, message: 'A UUID' }] });
}

async function mustFindTransfer(deps: Pick<AccountsDeps, 'database'>, externalId: string) {
  const transfer = isUuid(externalId) ? await findByExternalId(deps.database, externalId) : undefined;
  if (transfer === undefined) throw new TransactionNotFound();
  return transfer;
}

const accountOf = (account: AccountRow) => ({
  id: account.id,
  user_id: account.ownerId === WORLD ? undefined : (account.ownerId ?? undefined),
  currency: account.currency,
  closed: account.closedAt !== null,
});

const transferOf = (transfer: TransferRow) => ({
  id: transfer.id,
  external_id: transfer.externalId ?? '',
  sender_id: transfer.senderId,
  receiver_id: transfer.receiverId,
  amount: formatAmount(transfer.amount, transfer.currency),
  currency: transfer.currency,
  state: transfer.state,
});
