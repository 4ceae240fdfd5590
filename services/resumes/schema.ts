import { customType, index, int, mysqlEnum, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';
import type { JsonResume } from './json-resume';

export { idempotencyKeys } from '#kit/http/idempotency-table';

/** JSON as text: MariaDB's own JSON refuses some that is well-formed, such as an escaped half of a surrogate pair. */
const jsonText = customType<{ data: JsonResume; driverData: string }>({
  dataType: () => 'mediumtext',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (text) => JSON.parse(text),
});

/** A row for each owner: locked while a résumé is made, so that nobody gets past the limit by asking twice at once. */
export const owners = mysqlTable('owners', {
  id: uuid('id').primaryKey(),
  resumesCount: int('resumes_count', { unsigned: true }).notNull(),
});

export const resumes = mysqlTable(
  'resumes',
  {
    /** UUIDv7: in the order of time, so that it is the sort key of lists too. */
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    title: varchar('title', { length: 200 }).notNull(),
    visibility: mysqlEnum('visibility', ['private', 'link', 'public']).notNull(),
    /** What is in the address of a résumé that is shared by link; a new one each time it is shared again. */
    shareToken: varchar('share_token', { length: 32 }),
    /** The whole résumé as JSON Resume, with what nobody here knows of. */
    document: jsonText('document').notNull(),
    /** Grows with every change. Who changes a résumé locks its row first. */
    version: int('version', { unsigned: true }).notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [index('resumes_of_owner').on(table.ownerId, table.id)],
);
