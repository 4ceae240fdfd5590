import { sql } from 'drizzle-orm';
import {
  bigint,
  char,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { exactText, moment, uuid } from '#kit/mysql/columns';
import { STATES } from './rules';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

const now = sql`(utc_timestamp(3))`;
/** An exact amount in the minor units of a currency. */
const minorUnits = (name: string) => bigint(name, { mode: 'bigint' });

export const payments = mysqlTable(
  'payments',
  {
    /** Also the idempotency key of the charge and the external id of the ledger transfer. */
    id: uuid('id').primaryKey(),
    /** Null once the payer has been erased. */
    userId: uuid('user_id'),
    /** The account to credit; null for the payer's own account in the currency. */
    accountId: uuid('account_id'),
    amount: minorUnits('amount').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    description: varchar('description', { length: 2400 }).notNull(),
    paymentMethod: varchar('payment_method', { length: 64 }).notNull(),
    state: mysqlEnum('state', STATES).notNull(),
    failureCode: varchar('failure_code', { length: 80 }),
    /** Null until its charge is recorded, and for payments of earlier versions, which the mock has charged. */
    provider: varchar('provider', { length: 16 }),
    /** The provider's object for the charge. */
    providerReference: exactText('provider_reference', 255),
    /** With it the payer's app confirms the charge. Null once the payment has ended. */
    clientSecret: varchar('client_secret', { length: 255 }),
    /** The ledger transfer of a succeeded payment. */
    transferId: uuid('transfer_id'),
    /** Incremented on every state transition. */
    version: int('version', { unsigned: true }).notNull().default(1),
    createdAt: moment('created_at').notNull().default(now),
    /** The last state transition, or the last overdue event. */
    updatedAt: moment('updated_at').notNull().default(now),
  },
  (table) => [
    index('payments_of_user').on(table.userId, table.id),
    index('payments_overdue').on(table.state, table.updatedAt),
    uniqueIndex('payments_by_provider_reference').on(table.provider, table.providerReference),
  ],
);

/** The state history of payments. Append-only. */
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
    /** Also the external id of the ledger reversal. */
    id: uuid('id').primaryKey(),
    paymentId: uuid('payment_id').notNull(),
    /** Null means the whole payment: written by a version without partial refunds. */
    amount: minorUnits('amount'),
    /** The payer's text; null once they have been erased. */
    reason: varchar('reason', { length: 2400 }),
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

/** The provider's webhook events that have taken effect: a repeat has none. Trimmed. */
export const webhookEvents = mysqlTable(
  'webhook_events',
  {
    id: exactText('id', 255).primaryKey(),
    receivedAt: moment('received_at').notNull().default(now),
  },
  (table) => [index('webhook_events_received').on(table.receivedAt)],
);

/** The records of the mock provider; a real one keeps its own. */
export const providerCharges = mysqlTable('provider_charges', {
  idempotencyKey: uuid('idempotency_key').primaryKey(),
  paymentMethod: varchar('payment_method', { length: 64 }).notNull(),
  amount: varchar('amount', { length: 32 }).notNull(),
  currency: char('currency', { length: 3 }).notNull(),
  /** `attempted`: not charged yet. `refunded`: the whole charge is. */
  state: mysqlEnum('state', ['attempted', 'succeeded', 'declined', 'refunded']).notNull(),
  attempts: int('attempts', { unsigned: true }).notNull(),
  createdAt: moment('created_at').notNull().default(now),
});

/** The refunds of charges. A charge that an earlier version has refunded has none. */
export const providerRefunds = mysqlTable(
  'provider_refunds',
  {
    refundKey: uuid('refund_key').primaryKey(),
    chargeKey: uuid('charge_key').notNull(),
    amount: minorUnits('amount').notNull(),
    createdAt: moment('created_at').notNull().default(now),
  },
  (table) => [index('provider_refunds_of_charge').on(table.chargeKey)],
);
