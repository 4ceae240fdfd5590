import { sql } from 'drizzle-orm';
import {
  bigint,
  char,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

const now = sql`(utc_timestamp(3))`;

export interface Line {
  readonly description: string;
  /** A decimal string in the invoice's currency. */
  readonly amount: string;
}

export const invoices = mysqlTable(
  'invoices',
  {
    id: uuid('id').primaryKey(),
    /** The human-readable number, such as `2026-000017`. */
    number: varchar('number', { length: 40 }).notNull(),
    /** The payer; null once they have been erased. */
    userId: uuid('user_id'),
    /** The payment it was issued for, if any. */
    paymentId: uuid('payment_id'),
    /** Minor units: the sum of the lines. */
    amount: bigint('amount', { mode: 'bigint' }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    lines: json<Line[]>('lines').notNull(),
    state: mysqlEnum('state', ['open', 'paid']).notNull(),
    createdAt: moment('created_at').notNull().default(now),
    paidAt: moment('paid_at'),
    /** When its payer last began to pay it. Set before the transfer, for the case that its result is lost. */
    payingSince: moment('paying_since'),
  },
  (table) => [
    uniqueIndex('invoices_number').on(table.number),
    uniqueIndex('invoices_of_payment').on(table.paymentId),
    index('invoices_of_user').on(table.userId, table.id),
    index('invoices_paying').on(table.state, table.payingSince),
  ],
);

/** The last number of each year: invoices are numbered without gaps. */
export const invoiceNumbers = mysqlTable('invoice_numbers', {
  year: int('year').primaryKey(),
  last: int('last', { unsigned: true }).notNull(),
});
