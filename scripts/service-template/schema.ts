import { sql } from 'drizzle-orm';
import { index, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';

export const items = mysqlTable(
  'items',
  {
    /** UUIDv7: time-ordered, and therefore also the sort key of lists. */
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    name: varchar('name', { length: 100 }).notNull(),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
  },
  (table) => [index('items_of_owner').on(table.ownerId, table.id)],
);
