import {
  customType,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';

export { outbox } from '#kit/messaging/tables';

/** 32 bytes, as SHA-256 makes them. */
const digest = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'binary(32)' });

/** What was sent, or is to be. The content is not kept: it may hold secrets, like the link that resets a password. */
export const mails = mysqlTable(
  'mails',
  {
    /** Also the left part of its `Message-ID`, the same at every attempt. */
    id: uuid('id').primaryKey(),
    eventId: uuid('event_id').notNull(),
    template: varchar('template', { length: 64 }).notNull(),
    /** The person's id, else the address in lower case: an address may change between two attempts. */
    recipient: varchar('recipient', { length: 254 }).notNull(),
    userId: uuid('user_id'),
    /** Unknown until a person's mail is begun. */
    address: varchar('address', { length: 254 }),
    name: varchar('name', { length: 200 }),
    subject: varchar('subject', { length: 255 }),
    category: varchar('category', { length: 32 }),
    status: mysqlEnum('status', ['queued', 'sending', 'sent', 'failed', 'unsubscribed']).notNull(),
    /** Counts claims; who reports the end of an older one is not believed. */
    attempts: int('attempts', { unsigned: true }).notNull().default(0),
    claimedUntil: moment('claimed_until'),
    /** Why it failed, or was put off the last time. */
    reason: varchar('reason', { length: 255 }),
    createdAt: moment('created_at').notNull(),
    sentAt: moment('sent_at'),
  },
  (table) => [
    uniqueIndex('mails_once').on(table.eventId, table.template, table.recipient),
    index('mails_address').on(table.address, table.id),
    index('mails_user').on(table.userId),
    index('mails_created').on(table.createdAt),
  ],
);

/** Who does not want mail of a category. Outlives the person and their mails, so no address stands in it. */
export const unsubscriptions = mysqlTable(
  'unsubscriptions',
  {
    /** SHA-256 of the address in lower case. */
    addressHash: digest('address_hash').notNull(),
    category: varchar('category', { length: 32 }).notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.addressHash, table.category] })],
);
