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
import { DELIVERIES, ENDING_OBJECTS, TYPES } from './rules';

export { outbox } from '#kit/messaging/tables';

/** Replicas of people. The row of an erased person remains for its version: a late event must not restore them. */
export const people = mysqlTable('people', {
  id: uuid('id').primaryKey(),
  username: varchar('username', { length: 30 }).notNull(),
  displayName: varchar('display_name', { length: 200 }).notNull(),
  avatarUrl: varchar('avatar_url', { length: 2048 }),
  deleted: boolean('deleted').notNull().default(false),
  /** After the columns that are updated by it: drizzle assigns columns in this order, and MySQL compares with assigned values. */
  version: int('version', { unsigned: true }).notNull(),
});

/** Blocks and mutes. The row of an ended one remains for its version. */
const restriction = (name: string) =>
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

export const blocks = restriction('blocks');
export const mutes = restriction('mutes');

/** Everyone who was ever notified. Every change of a recipient's notifications locks this row first. */
export const recipients = mysqlTable(
  'recipients',
  {
    userId: uuid('user_id').primaryKey(),
    /** Incremented with every new or updated notification; streams resume by it. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
    /** When the digest mail of the pending notifications is due. */
    mailDueAt: moment('mail_due_at'),
  },
  (table) => [index('recipients_mail_due').on(table.mailDueAt)],
);

/** One for each recipient, type, object and reason, with any number of actors. */
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
    /** Newest first, at most `MAX_NAMED_ACTORS`. */
    latestActors: json<string[]>('latest_actors').notNull(),
    unread: boolean('unread').notNull(),
    mailPending: boolean('mail_pending').notNull(),
    /** The recipient's position at the last change, by which notifications are listed. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
    changedAt: moment('changed_at').notNull(),
  },
  (table) => [
    uniqueIndex('notifications_once').on(table.userId, table.type, table.objectId, table.reason),
    index('notifications_of_person').on(table.userId, table.position),
    index('notifications_unread').on(table.userId, table.unread, table.position),
    index('notifications_object').on(table.objectId),
    index('notifications_subject').on(table.subjectId),
    index('notifications_changed').on(table.changedAt),
  ],
);

/** The actors of a notification. */
export const notificationActors = mysqlTable(
  'notification_actors',
  {
    notificationId: timeOrderedId('notification_id').notNull(),
    actorId: uuid('actor_id').notNull(),
    /** The actor's own post, with which this ends. Missing in rows of earlier versions. */
    subjectId: varchar('subject_id', { length: 36 }),
    /** The recipient's position when the actor was recorded. */
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.notificationId, table.actorId] }),
    index('notification_actors_actor').on(table.actorId),
    index('notification_actors_subject').on(table.subjectId),
  ],
);

/** Objects that have ended: a notice that arrives later must not be recorded. Kept as long as notifications. */
export const endedObjects = mysqlTable(
  'ended_objects',
  {
    kind: mysqlEnum('kind', ENDING_OBJECTS).notNull(),
    id: varchar('id', { length: 36 }).notNull(),
    endedAt: moment('ended_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.id] }),
    index('ended_objects_ended').on(table.endedAt),
  ],
);

/** Settings that differ from the defaults. */
export const settings = mysqlTable(
  'settings',
  {
    userId: uuid('user_id').notNull(),
    type: mysqlEnum('type', TYPES).notNull(),
    delivery: mysqlEnum('delivery', DELIVERIES).notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.type] })],
);
