import { customType, index, mediumtext, mysqlTable, smallint } from 'drizzle-orm/mysql-core';
import { json, moment } from '../mysql/columns';

/** 32 bytes, as SHA-256 makes them. */
const digest = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'binary(32)' });

/**
 * Idempotency keys with their stored responses. A service's schema exports it. Keys and request bodies are stored as hashes
 * only, and responses so that only the key opens them.
 */
export const idempotencyKeys = mysqlTable(
  'idempotency_keys',
  {
    /** Hash of caller, method, route and key: one column is a smaller index than four. */
    id: digest('id').primaryKey(),
    bodyHash: digest('body_hash').notNull(),
    /** Null only while the request is processed, which no other transaction sees. */
    status: smallint('status', { unsigned: true }),
    headers: json<Record<string, string>>('headers'),
    body: mediumtext('body'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [index('idempotency_keys_created').on(table.createdAt)],
);
