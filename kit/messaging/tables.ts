import {
  bigint,
  boolean,
  index,
  int,
  mediumtext,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '../mysql/columns';
import type { PublishingSpan } from './publishing-span';

/** How the relay delivers a row; stored with it, so that rows survive changes of their definition. */
export type OutboxRouting = (
  | { readonly exchange: string; readonly routing_key: string; readonly consumers: readonly string[] }
  | {
      readonly tube: string;
      readonly priority: number;
      readonly ttr_seconds: number;
      /** ISO 8601; the job is delayed until then. */
      readonly due_at?: string;
    }
) & { readonly publishing?: PublishingSpan };

/** Messages written in the transaction of the change they report, to be sent by the relay. A service's schema exports it. */
export const outbox = mysqlTable(
  'outbox',
  {
    id: bigint('id', { mode: 'number', unsigned: true }).autoincrement().primaryKey(),
    messageId: uuid('message_id').notNull(),
    aggregateType: varchar('aggregate_type', { length: 64 }).notNull(),
    aggregateId: varchar('aggregate_id', { length: 128 }).notNull(),
    aggregateVersion: bigint('aggregate_version', { mode: 'number', unsigned: true }).notNull(),
    destination: mysqlEnum('destination', ['rabbitmq', 'beanstalkd']).notNull(),
    name: varchar('name', { length: 128 }).notNull(),
    /** The message exactly as it is sent; empty once it is sent. */
    payload: mediumtext('payload').notNull(),
    /** For relays of earlier versions. */
    erasePayload: boolean('erase_payload').notNull(),
    headers: json<OutboxRouting>('headers').notNull(),
    createdAt: moment('created_at').notNull(),
    /** Time of the next attempt; of a claimed row, the end of its claim. */
    availableAt: moment('available_at').notNull(),
    sentAt: moment('sent_at'),
    attempts: int('attempts', { unsigned: true }).notNull().default(0),
    lastError: varchar('last_error', { length: 500 }),
    /** The claim of a relay that is sending the row, or has died meanwhile. */
    claimedBy: uuid('claimed_by'),
  },
  (table) => [index('outbox_pending').on(table.sentAt, table.destination, table.id)],
);

/** Messages a consumer has handled, written in the transaction of the effect. A service's schema exports it. */
export const inbox = mysqlTable(
  'inbox',
  {
    consumer: varchar('consumer', { length: 64 }).notNull(),
    messageId: uuid('message_id').notNull(),
    receivedAt: moment('received_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.messageId] }),
    index('inbox_received').on(table.receivedAt),
  ],
);
