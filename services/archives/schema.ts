import { bigint, char, index, mysqlEnum, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '#kit/mysql/columns';
import type { CollectionCount, CollectionReport } from './model';

export { outbox } from '#kit/messaging/tables';

/** Exports and imports of people. */
export const archives = mysqlTable(
  'archives',
  {
    /** UUIDv7: time-ordered, and therefore also the sort key of lists. */
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    kind: mysqlEnum('kind', ['export', 'import']).notNull(),
    status: mysqlEnum('status', ['pending', 'complete', 'failed']).notNull(),
    /** The file in the archive storage: of an import from the start, of an export once it is complete. */
    sha256: char('sha256', { length: 64 }),
    /** Bytes of the file. */
    size: bigint('size', { mode: 'number', unsigned: true }),
    /** What the file holds, or what became of it. */
    collections: json<readonly (CollectionCount | CollectionReport)[]>('collections'),
    /** Why it failed. */
    code: varchar('code', { length: 64 }),
    createdAt: moment('created_at').notNull(),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    index('archives_of_owner').on(table.ownerId, table.kind, table.id),
    index('archives_with_file').on(table.sha256),
    index('archives_by_age').on(table.createdAt),
  ],
);
