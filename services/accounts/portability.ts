import {
  EXPORT_PAGE_SIZE,
  type ExportedPage,
  exportedPage,
  portabilityGrpc,
  wholeCollection,
} from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listAccountsOf, listEntries } from './store';
import { accountView, entryView } from './views';

/** The data of people in this service. Money also belongs to the other account: it cannot be imported. */
export const accountsPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'accounts',
      async exportPage(id) {
        const accounts = await listAccountsOf(database, id);
        return wholeCollection(accounts.map(accountView));
      },
    },
    { name: 'entries', exportPage: (userId, cursor) => exportEntries(database, userId, cursor) },
  ]);

/** The entries of one account after the other. @param cursor the account, and the last of its entries */
async function exportEntries(
  database: Database,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const accounts = await listAccountsOf(database, userId);
  const [accountId = accounts[0]?.id, beforeId = null] = cursor?.split('/') ?? [];
  if (accountId === undefined) return wholeCollection([]);
  const rows = await listEntries(database, { accountId, beforeId, limit: EXPORT_PAGE_SIZE });
  const page = exportedPage(rows, {
    key: ({ entry }) => `${accountId}/${entry.id}`,
    record: (row) => ({ data: { account_id: accountId, ...entryView(row) } }),
  });
  const next = accounts[accounts.findIndex(({ id }) => id === accountId) + 1];
  return { ...page, nextCursor: page.nextCursor ?? next?.id };
}
