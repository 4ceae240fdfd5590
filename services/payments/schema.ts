import { sql } from 'drizzle-orm';
import { bigint, char, index, int, mysqlEnum, mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';
import { STATES } from './rules';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

const now = sql`(utc_timestamp(3))`;
/** Minor units of a currency, exact. */
const minorUnits = (name: string) => bigint(name, { mode: 'bigint' });

export const payments = mysqlTable(
  'payments',
  {
    /** Also the provider's idempotency key and the ledger's external id. */
    id: uuid('id').primaryKey(),
    /** Null once the person has been erased. */
    userId: uuid('user_id'),
    /** Where the money goes; null for the payer's own account in the currency. */
    accountId: uuid('account_id'),
    amount: minorUnits('amount').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    description: varchar('description', { length: 300 }).notNull(),
    paymentMethod: varchar('payment_method', { length: 64 }).notNull(),
    state: mysqlEnum('state', STATES).notNull(),
    failureCode: varchar('failure_code', { length: 80 }),
    /** Of the ledger. */
    transferId: uuid('transfer_id'),
    /** Grows with every change of the state. */
    version: int('version', { unsigned: true }).notNull().default(1),
    createdAt: moment('created_at').notNull().default(now),
    /** Of the last change, or of the last reminder of one that should have come. */
    updatedAt: moment('updated_at').notNull().default(now),
  },
  (table) => [
    index('payments_of_user').on(table.userId, table.id),
    index('payments_overdue').on(table.state, table.updatedAt),
  ],
);

/** Every state a payment has been in. Only ever added to. */
export const paymentEvents = mysqlTable(
  'payment_events',
  {
    paymentId: uuid('payment_id').notNull(),
    version: int('version', { unsigned: true }).notNull(),
    state: mysqlEnum('state', STATES).notNull(),
    occurredAt: moment('occurred_at').notNull().default(now),
  },
  (table) => [primaryKey({ columns: [table.paymentId, table.version] })],
);

export const refunds = mysqlTable(
  'refunds',
  {
    /** Also the ledger's external id of the reversal. */
    id: uuid('id').primaryKey(),
    paymentId: uuid('payment_id').notNull(),
    state: mysqlEnum('state', ['pending', 'succeeded', 'failed']).notNull(),
    failureCode: varchar('failure_code', { length: 80 }),
    createdAt: moment('created_at').notNull().default(now),
    updatedAt: moment('updated_at').notNull().default(now),
  },
  (table) => [
    index('refunds_of_payment').on(table.paymentId, table.id),
    index('refunds_overdue').on(table.state, table.updatedAt),
  ],
);

/** What the mock of a provider remembers, as a real one would on its side. */
export const providerCharges = mysqlTable('provider_charges', {
  idempotencyKey: uuid('idempotency_key').primaryKey(),
  paymentMethod: varchar('payment_method', { length: 64 }).notNull(),
  amount: varchar('amount', { length: 32 }).notNull(),
  currency: char('currency', { length: 3 }).notNull(),
  /** `attempted`: it failed before anything was charged. */
  state: mysqlEnum('state', ['attempted', 'succeeded', 'declined', 'refunded']).notNull(),
  attempts: int('attempts', { unsigned: true }).notNull(),
  createdAt: moment('created_at').notNull().default(now),
});
