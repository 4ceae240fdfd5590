import {
  bigint,
  boolean,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, timeOrderedId, uuid } from '#kit/mysql/columns';
import { DELIVERIES, TYPES } from './rules';

export { outbox } from '#kit/messaging/tables';

/** What this service keeps of people. An erased person's row stays for its version: a late event must not bring them back. */
export const people = mysqlTable('people', {
  id: uuid('id').primaryKey(),
  username: varchar('username', { length: 30 }).notNull(),
  displayName: varchar('display_name', { length: 200 }).notNull(),
  avatarUrl: varchar('avatar_url', { length: 2048 }),
  deleted: boolean('deleted').notNull().default(false),
  /** After all that goes by it: drizzle assigns columns in this order, and MySQL compares with what it has assigned. */
  version: int('version', { unsigned: true }).notNull(),
});

/** Blocks and mutes: one person's decision about another. A row stays when it ends, for its version. */
const decision = (name: string) =>
  mysqlTable(
    name,
    {
      userId: uuid('user_id').notNull(),
      otherId: uuid('other_id').notNull(),
      active: boolean('active').notNull(),
      version: int('version', { unsigned: true }).notNull(),
    },
    (table) => [primaryKey({ columns: [table.userId, table.otherId] })],
  );

export const blocks = decision('blocks');
export const mutes = decision('mutes');

/** Everybody who has been told of anything. Whoever changes somebody's notifications locks their row here first. */
export const recipients = mysqlTable(
  'recipients',
  {
    userId: uuid('user_id').primaryKey(),
    /** Grows with every change that is to be told; streams resume by it. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
    /** When what waits is to be told by mail. */
    mailDueAt: moment('mail_due_at'),
  },
  (table) => [index('recipients_mail_due').on(table.mailDueAt)],
);

/** One for each recipient, type, object and reason, however many people did it. */
export const notifications = mysqlTable(
  'notifications',
  {
    id: timeOrderedId('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    type: mysqlEnum('type', TYPES).notNull(),
    objectId: varchar('object_id', { length: 36 }).notNull(),
    reason: varchar('reason', { length: 40 }).notNull(),
    subjectId: varchar('subject_id', { length: 36 }),
    actorsCount: int('actors_count', { unsigned: true }).notNull(),
    /** The newest first; as many as are shown. */
    latestActors: json<string[]>('latest_actors').notNull(),
    unread: boolean('unread').notNull(),
    mailPending: boolean('mail_pending').notNull(),
    /** The recipient's at the last change: also the order in which notifications are shown. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
    changedAt: moment('changed_at').notNull(),
  },
  (table) => [
    uniqueIndex('notifications_once').on(table.userId, table.type, table.objectId, table.reason),
    index('notifications_of_person').on(table.userId, table.position),
    index('notifications_unread').on(table.userId, table.unread, table.position),
    index('notifications_object').on(table.objectId),
    index('notifications_changed').on(table.changedAt),
  ],
);

/** Who did it, each once. */
export const notificationActors = mysqlTable(
  'notification_actors',
  {
    notificationId: timeOrderedId('notification_id').notNull(),
    actorId: uuid('actor_id').notNull(),
    /** The recipient's when it was recorded. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.notificationId, table.actorId] }),
    index('notification_actors_actor').on(table.actorId),
  ],
);

/** What differs from the defaults. */
export const settings = mysqlTable(
  'settings',
  {
    userId: uuid('user_id').notNull(),
    type: mysqlEnum('type', TYPES).notNull(),
    delivery: mysqlEnum('delivery', DELIVERIES).notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.type] })],
);
