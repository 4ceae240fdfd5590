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

/** An exact amount in the minor units of a currency. */
const minorUnits = (name: string) => bigint(name, { mode: 'bigint' });

/**
 * Posted debits and credits are running totals that only grow; pending ones are the current reservations. Each currency
 * has one world account, the counterparty of deposits and withdrawals, so that all balances add up to zero.
 */
export const accounts = mysqlTable(
  'accounts',
  {
    id: uuid('id').primaryKey(),
    /** The nil UUID for the world account; null once the owner has been erased. */
    ownerId: uuid('owner_id'),
    currency: char('currency', { length: 3 }).notNull(),
    debitsPosted: minorUnits('debits_posted').notNull().default(sql`0`),
    creditsPosted: minorUnits('credits_posted').notNull().default(sql`0`),
    debitsPending: minorUnits('debits_pending').notNull().default(sql`0`),
    creditsPending: minorUnits('credits_pending').notNull().default(sql`0`),
    /** How far the balance may go below zero; null means no limit. */
    overdraftLimit: minorUnits('overdraft_limit').default(sql`0`),
    version: int('version', { unsigned: true }).notNull().default(1),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
    closedAt: moment('closed_at'),
  },
  (table) => [uniqueIndex('accounts_one_each').on(table.ownerId, table.currency)],
);

/** Immutable, save for the state of a pending transfer, which is settled once; a correction is another transfer. */
export const transfers = mysqlTable(
  'transfers',
  {
    id: uuid('id').primaryKey(),
    /** Idempotency key of the calling service. */
    externalId: uuid('external_id'),
    kind: mysqlEnum('kind', ['transfer', 'deposit', 'withdrawal', 'reversal']).notNull(),
    senderId: uuid('sender_id').notNull(),
    receiverId: uuid('receiver_id').notNull(),
    amount: minorUnits('amount').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    description: varchar('description', { length: 2400 }).notNull(),
    state: mysqlEnum('state', ['pending', 'posted', 'voided', 'expired']).notNull(),
    /** The transfer this one reverses, whole or in part. */
    reverses: uuid('reverses'),
    expiresAt: moment('expires_at'),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
    settledAt: moment('settled_at'),
  },
  (table) => [
    uniqueIndex('transfers_external').on(table.externalId),
    index('transfers_reversals').on(table.reverses),
    index('transfers_expiring').on(table.state, table.expiresAt),
  ],
);

/** The debit and the credit of each posted transfer. Append-only. */
export const entries = mysqlTable(
  'entries',
  {
    /** Ordered within an account, because the account's row is locked while an entry is inserted. */
    id: bigint('id', { mode: 'number', unsigned: true }).autoincrement().primaryKey(),
    accountId: uuid('account_id').notNull(),
    transferId: uuid('transfer_id').notNull(),
    /** Negative for a debit. */
    amount: minorUnits('amount').notNull(),
    balanceAfter: minorUnits('balance_after').notNull(),
    createdAt: moment('created_at').notNull().default(sql`(utc_timestamp(3))`),
  },
  (table) => [
    uniqueIndex('entries_once').on(table.transferId, table.accountId),
    index('entries_of_account').on(table.accountId, table.id),
  ],
);

/** Erased users: a late `user.created` must not open an account again. */
export const erasedPeople = mysqlTable('erased_people', {
  userId: uuid('user_id').primaryKey(),
  erasedAt: moment('erased_at').notNull().default(sql`(utc_timestamp(3))`),
});
