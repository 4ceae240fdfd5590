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
import { moment, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';

/** Minor units of a currency, exact. */
const minorUnits = (name: string) => bigint(name, { mode: 'bigint' });

/**
 * Balances are sums that only ever grow: what went out and came in, posted or still pending. In every currency there is
 * one account of the outside world, from which deposits come, so that all balances together are zero.
 */
export const accounts = mysqlTable(
  'accounts',
  {
    id: uuid('id').primaryKey(),
    /** The nil UUID for the outside world; null once the person has been erased. */
    ownerId: uuid('owner_id'),
    currency: char('currency', { length: 3 }).notNull(),
    debitsPosted: minorUnits('debits_posted').notNull().default(sql`0`),
    creditsPosted: minorUnits('credits_posted').notNull().default(sql`0`),
    debitsPending: minorUnits('debits_pending').notNull().default(sql`0`),
    creditsPending: minorUnits('credits_pending').notNull().default(sql`0`),
    /** How far below zero it may go; null without limit. */
    overdraftLimit: minorUnits('overdraft_limit').default(sql`0`),
    version: int('version', { unsigned: true }).notNull().default(1),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
    closedAt: moment('closed_at'),
  },
  (table) => [uniqueIndex('accounts_one_each').on(table.ownerId, table.currency)],
);

/** Never changed but for the state of a pending one, which ends once; a correction is another transfer. */
export const transfers = mysqlTable(
  'transfers',
  {
    id: uuid('id').primaryKey(),
    /** Chosen by the service that asked for it: asked twice, it is done once. */
    externalId: uuid('external_id'),
    kind: mysqlEnum('kind', ['transfer', 'deposit', 'withdrawal', 'reversal']).notNull(),
    senderId: uuid('sender_id').notNull(),
    receiverId: uuid('receiver_id').notNull(),
    amount: minorUnits('amount').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    description: varchar('description', { length: 300 }).notNull(),
    state: mysqlEnum('state', ['pending', 'posted', 'voided', 'expired']).notNull(),
    /** The transfer whose money this one moves back. */
    reverses: uuid('reverses'),
    expiresAt: moment('expires_at'),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
    settledAt: moment('settled_at'),
  },
  (table) => [
    uniqueIndex('transfers_external').on(table.externalId),
    uniqueIndex('transfers_reversed_once').on(table.reverses),
    index('transfers_expiring').on(table.state, table.expiresAt),
  ],
);

/** Two for each posted transfer: what one account lost, and what another got. Only ever added to. */
export const entries = mysqlTable(
  'entries',
  {
    /** Grows within an account in the order of what happened to it, as its row is locked meanwhile. */
    id: bigint('id', { mode: 'number', unsigned: true }).autoincrement().primaryKey(),
    accountId: uuid('account_id').notNull(),
    transferId: uuid('transfer_id').notNull(),
    /** Negative for what went out. */
    amount: minorUnits('amount').notNull(),
    balanceAfter: minorUnits('balance_after').notNull(),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
  },
  (table) => [
    uniqueIndex('entries_once').on(table.transferId, table.accountId),
    index('entries_of_account').on(table.accountId, table.id),
  ],
);

/** People who have been erased: news of them may still arrive late, and must not open an account again. */
export const erasedPeople = mysqlTable('erased_people', {
  userId: uuid('user_id').primaryKey(),
  erasedAt: moment('erased_at').notNull().default(sql`(utc_timestamp(3))`),
});
