import {
  customType,
  date,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { exactText, moment, uuid } from '#kit/mysql/columns';
import { KEY_LENGTH } from './address-key';

export { outbox } from '#kit/messaging/tables';

/** A SHA-256 digest. */
const digest = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'binary(32)' });

/** Mails sent or to be sent. The content is not stored: it may hold secrets, like a password reset link. */
export const mails = mysqlTable(
  'mails',
  {
    /** Also the local part of its `Message-ID`, the same at every attempt. */
    id: uuid('id').primaryKey(),
    eventId: uuid('event_id').notNull(),
    template: varchar('template', { length: 64 }).notNull(),
    /** The user's id, else the address's canonical key: a user's address may change between two attempts. */
    recipient: exactText('recipient', KEY_LENGTH).notNull(),
    userId: uuid('user_id'),
    /** Unknown until the mail to a user is claimed. */
    address: varchar('address', { length: 254 }),
    /** The address's canonical key. */
    addressKey: exactText('address_key', KEY_LENGTH),
    name: varchar('name', { length: 200 }),
    subject: varchar('subject', { length: 255 }),
    category: varchar('category', { length: 32 }),
    status: mysqlEnum('status', [
      'queued',
      'sending',
      'sent',
      'failed',
      'unsubscribed',
      'bounced',
      'suppressed',
    ]).notNull(),
    /** Counts claims; results of an older one are ignored. */
    attempts: int('attempts', { unsigned: true }).notNull().default(0),
    claimedUntil: moment('claimed_until'),
    /** Why it failed, bounced or was not sent, or was last deferred. */
    reason: varchar('reason', { length: 255 }),
    createdAt: moment('created_at').notNull(),
    sentAt: moment('sent_at'),
  },
  (table) => [
    uniqueIndex('mails_once').on(table.eventId, table.template, table.recipient),
    index('mails_address_key').on(table.addressKey, table.id),
    index('mails_user').on(table.userId),
    index('mails_created').on(table.createdAt),
  ],
);

/** Addresses whose last mails bounced. Like unsubscriptions they outlive users and mails. */
export const bounces = mysqlTable(
  'bounces',
  {
    /** SHA-256 of the address's canonical key. */
    addressHash: digest('address_hash').primaryKey(),
    /** Bounces in a row. */
    count: int('count', { unsigned: true }).notNull(),
    lastAt: moment('last_at').notNull(),
  },
  (table) => [index('bounces_last').on(table.lastAt)],
);

/**
 * Mails of a day to a mailbox. They outlive users for the two days they are kept: otherwise whoever deletes and registers
 * accounts could send any number.
 */
export const dailyCounts = mysqlTable(
  'daily_counts',
  {
    /** SHA-256 of the mailbox's key. */
    mailboxHash: digest('mailbox_hash').notNull(),
    category: varchar('category', { length: 32 }).notNull(),
    /** In UTC. */
    day: date('day', { mode: 'string' }).notNull(),
    count: int('count', { unsigned: true }).notNull(),
    lastAt: moment('last_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.mailboxHash, table.category, table.day] }),
    index('daily_counts_day').on(table.day),
  ],
);

/** Unsubscriptions from a category. They outlive users and mails, so the address is stored as a hash only. */
export const unsubscriptions = mysqlTable(
  'unsubscriptions',
  {
    /** SHA-256 of the address's canonical key; those from before there were any, of the address in lower case. */
    addressHash: digest('address_hash').notNull(),
    category: varchar('category', { length: 32 }).notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.addressHash, table.category] })],
);
