import {
  bigint,
  boolean,
  customType,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';

/** Compared byte by byte: `Lobby` and `lobby` are two rooms. */
const exactText = customType<{ data: string }>({
  dataType: () => 'varchar(64) character set utf8mb4 collate utf8mb4_bin',
});
const sequence = (name: string) => bigint(name, { mode: 'number', unsigned: true });

export const rooms = mysqlTable(
  'rooms',
  {
    id: int('id', { unsigned: true }).autoincrement().primaryKey(),
    name: exactText('name').notNull(),
    /** Changes when the room is another one of the same name: what a client has seen of it before means nothing then. */
    epoch: uuid('epoch').notNull(),
    isPrivate: boolean('is_private').notNull().default(false),
    /** Null for rooms that came to be by being entered. */
    ownerId: uuid('owner_id'),
    /** The number of the newest message or change. Its row is locked while the next numbers are given. */
    lastSeq: sequence('last_seq').notNull().default(0),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('rooms_name').on(table.name),
    index('rooms_unused').on(table.lastSeq, table.createdAt),
  ],
);

/** Who may enter a private room. */
export const roomMembers = mysqlTable(
  'room_members',
  {
    roomId: int('room_id', { unsigned: true }).notNull(),
    userId: uuid('user_id').notNull(),
    /** As it was when they were added, to be shown. */
    username: varchar('username', { length: 30 }).notNull(),
    addedAt: moment('added_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.userId] }),
    index('room_members_user').on(table.userId),
  ],
);

/** As they are now. A deleted message stays without content: its number must stay taken. */
export const messages = mysqlTable(
  'messages',
  {
    roomId: int('room_id', { unsigned: true }).notNull(),
    seq: sequence('seq').notNull(),
    id: uuid('id').notNull(),
    /** The nil UUID for somebody without a name, so that their client ids are kept apart as well. */
    senderId: uuid('sender_id').notNull(),
    username: varchar('username', { length: 30 }),
    message: text('message').notNull(),
    phoneNumber: varchar('phone_number', { length: 32 }),
    avatar: varchar('avatar', { length: 2048 }),
    clientId: exactText('client_id'),
    sentAt: moment('sent_at').notNull(),
    editedAt: moment('edited_at'),
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.seq] }),
    uniqueIndex('messages_id').on(table.id),
    uniqueIndex('messages_client').on(table.roomId, table.senderId, table.clientId),
    index('messages_sender').on(table.senderId),
  ],
);

/** Edits and deletions: numbered with the messages, so that whoever was away hears of them in their turn. */
export const changes = mysqlTable(
  'changes',
  {
    roomId: int('room_id', { unsigned: true }).notNull(),
    seq: sequence('seq').notNull(),
    kind: mysqlEnum('kind', ['edited', 'deleted']).notNull(),
    messageSeq: sequence('message_seq').notNull(),
    changedAt: moment('changed_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.seq] })],
);
