import { customType, index, mediumtext, mysqlTable, smallint } from 'drizzle-orm/mysql-core';
import { json, moment } from '../mysql/columns';

/** 32 bytes, as SHA-256 makes them. */
const digest = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'binary(32)' });

/**
 * The keys under which requests were answered, with their answers. A service's schema exports it. The key and what was
 * sent are kept as hashes only.
 */
export const idempotencyKeys = mysqlTable(
  'idempotency_keys',
  {
    /** Of caller, method, route and key: one column is a smaller index than four. */
    id: digest('id').primaryKey(),
    bodyHash: digest('body_hash').notNull(),
    /** Null only while the request is being answered, which no other transaction sees. */
    status: smallint('status', { unsigned: true }),
    headers: json<Record<string, string>>('headers'),
    body: mediumtext('body'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [index('idempotency_keys_created').on(table.createdAt)],
);
