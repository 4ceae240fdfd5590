import { EXPORT_PAGE_SIZE, exportedPage, portabilityGrpc } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listInvoices } from './store';
import { invoiceView } from './views';

/** The data of people in this service. Invoices are numbered without gaps: they cannot be imported. */
export const billingPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'invoices',
      async exportPage(userId, cursor) {
        const page = { userId, beforeId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listInvoices(database, page), {
          key: ({ id }) => id,
          record: (invoice) => ({ data: invoiceView(invoice) }),
        });
      },
    },
  ]);
