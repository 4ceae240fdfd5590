import { EXPORT_PAGE_SIZE, exportedPage, portabilityGrpc } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listMails } from './store';
import { mailView } from './views';

/** The data of people in this service. What was sent cannot be imported. */
export const mailPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'mails',
      async exportPage(userId, cursor) {
        const page = { to: userId, beforeId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listMails(database, page), {
          key: ({ id }) => id,
          record: (mail) => ({ data: mailView(mail) }),
        });
      },
    },
  ]);
