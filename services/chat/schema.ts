import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { exactText, moment, uuid } from '#kit/mysql/columns';

const sequence = (name: string) => bigint(name, { mode: 'number', unsigned: true });

export const rooms = mysqlTable(
  'rooms',
  {
    id: int('id', { unsigned: true }).autoincrement().primaryKey(),
    /** Its own canonical key, in NFC and trimmed, which no reader can tell from what was typed. `Lobby` and `lobby` are two. */
    name: exactText('name', 512).notNull(),
    /** Identifies this room among all that ever have its name: sequence numbers are comparable within one epoch only. */
    epoch: uuid('epoch').notNull(),
    isPrivate: boolean('is_private').notNull().default(false),
    /** Null for rooms that were created by joining them. */
    ownerId: uuid('owner_id'),
    /** The name of a public room. Those of private rooms are their members' own: anybody else may give the same. */
    publicName: exactText('public_name', 512).generatedAlwaysAs(sql`if(\`is_private\`, null, \`name\`)`, {
      mode: 'virtual',
    }),
    /** The number of the newest message or change. The row is locked while the next ones are assigned. */
    lastSeq: sequence('last_seq').notNull().default(0),
    /** Incremented when stored messages change without a number, as on erasure: older copies in memory are stale. */
    revision: int('revision', { unsigned: true }).notNull().default(0),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('rooms_name').on(table.publicName),
    index('rooms_by_name').on(table.name, table.epoch),
    index('rooms_owner').on(table.ownerId),
    index('rooms_unused').on(table.lastSeq, table.createdAt),
  ],
);

/** Who may join a private room. */
export const roomMembers = mysqlTable(
  'room_members',
  {
    roomId: int('room_id', { unsigned: true }).notNull(),
    userId: uuid('user_id').notNull(),
    /** For display, as of when the member was added. */
    username: exactText('username', 30).notNull(),
    addedAt: moment('added_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.userId] }),
    index('room_members_user').on(table.userId),
  ],
);

/** Of people to rooms whose owner they do not follow. An answered one counts for the owner's quota, and is deleted after it. */
export const roomInvitations = mysqlTable(
  'room_invitations',
  {
    id: uuid('id').primaryKey(),
    roomId: int('room_id', { unsigned: true }).notNull(),
    userId: uuid('user_id').notNull(),
    /** For display, as of the invitation; so is the inviter's. */
    username: exactText('username', 30).notNull(),
    inviterId: uuid('inviter_id').notNull(),
    inviterName: exactText('inviter_name', 30).notNull(),
    /** `hidden`: the invited person does not see it, and the inviter does not know that. */
    state: mysqlEnum('state', ['pending', 'hidden', 'accepted', 'declined', 'withdrawn']).notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('room_invitations_once').on(table.roomId, table.userId),
    index('room_invitations_user').on(table.userId, table.state, table.id),
    index('room_invitations_inviter').on(table.inviterId, table.createdAt),
    index('room_invitations_created').on(table.createdAt),
  ],
);

/** In their current state. A deleted message remains without content, so that its number stays assigned. */
export const messages = mysqlTable(
  'messages',
  {
    roomId: int('room_id', { unsigned: true }).notNull(),
    seq: sequence('seq').notNull(),
    id: uuid('id').notNull(),
    /** The nil UUID for anonymous senders. */
    senderId: uuid('sender_id').notNull(),
    username: varchar('username', { length: 30 }),
    message: text('message').notNull(),
    phoneNumber: varchar('phone_number', { length: 32 }),
    avatar: varchar('avatar', { length: 2048 }),
    /** As the client sent it. */
    clientId: exactText('client_id', 64),
    /** Its canonical key. NFC takes up to three code points for one. */
    clientKey: exactText('client_key', 192),
    /** Whose client ids are unique among each other: the sender, or a digest of the anonymous session. */
    clientScope: uuid('client_scope'),
    sentAt: moment('sent_at').notNull(),
    editedAt: moment('edited_at'),
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.seq] }),
    uniqueIndex('messages_id').on(table.id),
    uniqueIndex('messages_client_key').on(table.clientScope, table.roomId, table.clientKey),
    index('messages_sender').on(table.senderId),
  ],
);

/** Edits and deletions, numbered in one sequence with the messages, so that recovering clients get them in order. */
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
