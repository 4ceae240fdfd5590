import { customType, index, int, mysqlEnum, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';
import type { JsonResume } from './json-resume';

export { idempotencyKeys } from '#kit/http/idempotency-table';

/** JSON as text: MariaDB's JSON type rejects some well-formed JSON, such as an escaped lone surrogate. */
const jsonText = customType<{ data: JsonResume; driverData: string }>({
  dataType: () => 'mediumtext',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (text) => JSON.parse(text),
});

/** One row per owner, locked while a résumé is created: concurrent requests cannot exceed the limit. */
export const owners = mysqlTable('owners', {
  id: uuid('id').primaryKey(),
  resumesCount: int('resumes_count', { unsigned: true }).notNull(),
});

export const resumes = mysqlTable(
  'resumes',
  {
    /** UUIDv7: time-ordered, and therefore also the sort key of lists. */
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    title: varchar('title', { length: 1600 }).notNull(),
    visibility: mysqlEnum('visibility', ['private', 'link', 'public']).notNull(),
    /** Secret of the share link; a new one each time the résumé is shared again. */
    shareToken: varchar('share_token', { length: 32 }),
    /** The whole JSON Resume, including unknown fields. */
    document: jsonText('document').notNull(),
    /** Incremented on every change. Every change locks this row first. */
    version: int('version', { unsigned: true }).notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [index('resumes_of_owner').on(table.ownerId, table.id)],
);
