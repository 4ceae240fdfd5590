import { sql } from 'drizzle-orm';
import {
  boolean,
  char,
  date,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { exactText, json, moment, timeOrderedId, uuid } from '#kit/mysql/columns';
import type { Change } from './audit/model';

export { inbox, outbox } from '#kit/messaging/tables';

const createdAt = () => moment('created_at').notNull().default(sql`(utc_timestamp(3))`);

export const users = mysqlTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    /** The canonical key (`usernameKey`), which is also what is shown. */
    username: exactText('username', 30).notNull(),
    /** As it was typed. Accounts are found by its key. */
    email: varchar('email', { length: 320 }).notNull(),
    /** `emailKey` of the address. Null where it is not derived yet, or belongs to an older account as well. */
    emailKey: exactText('email_key', 320),
    /** When the user confirmed the address; null: no mail but the verification is sent to it. */
    emailVerifiedAt: moment('email_verified_at'),
    /** A new address that is not confirmed yet. Not unique: only confirming it proves anything. */
    pendingEmail: varchar('pending_email', { length: 320 }),
    displayName: varchar('display_name', { length: 200 }).notNull(),
    firstName: varchar('first_name', { length: 640 }),
    lastName: varchar('last_name', { length: 640 }),
    phoneNumber: varchar('phone_number', { length: 20 }),
    dateOfBirth: date('date_of_birth', { mode: 'string' }),
    bio: varchar('bio', { length: 4_000 }).notNull().default(''),
    locale: varchar('locale', { length: 35 }).notNull().default('en'),
    avatarUrl: varchar('avatar_url', { length: 2048 }),
    active: boolean('active').notNull().default(true),
    /** Whether following needs the user's approval. */
    locked: boolean('locked').notNull().default(false),
    /** Incremented with every change, so that replicas can ignore stale copies. */
    version: int('version', { unsigned: true }).notNull().default(1),
    followersCount: int('followers_count', { unsigned: true }).notNull().default(0),
    followeesCount: int('followees_count', { unsigned: true }).notNull().default(0),
    postsCount: int('posts_count', { unsigned: true }).notNull().default(0),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('users_username').on(table.username),
    uniqueIndex('users_email_key').on(table.emailKey),
    index('users_email_prefix').on(table.email),
  ],
);

/** Mailed links that verify an address. Used ones are kept until they expire: they are counted. */
export const emailVerifications = mysqlTable(
  'email_verifications',
  {
    /** SHA-256 of the token in the link, in hexadecimal: the token itself is not stored. */
    hash: char('hash', { length: 64 }).primaryKey(),
    userId: uuid('user_id').notNull(),
    /** The address the link was mailed to, as the user's row has it. */
    email: varchar('email', { length: 320 }).notNull(),
    createdAt: moment('created_at').notNull(),
    expiresAt: moment('expires_at').notNull(),
    consumedAt: moment('consumed_at'),
  },
  (table) => [
    index('email_verifications_user').on(table.userId, table.createdAt),
    index('email_verifications_expires').on(table.expiresAt),
  ],
);

/** An unfollow keeps the row: if the version restarted, a late event would win over a newer one. */
export const follows = mysqlTable(
  'follows',
  {
    followerId: uuid('follower_id').notNull(),
    followeeId: uuid('followee_id').notNull(),
    active: boolean('active').notNull(),
    version: int('version', { unsigned: true }).notNull(),
    /** Time-ordered id of the start: the sort key of lists. */
    since: timeOrderedId('since').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.followerId, table.followeeId] }),
    index('follows_followees').on(table.followerId, table.active, table.since),
    index('follows_followers').on(table.followeeId, table.active, table.since),
  ],
);

/** A wish to follow a locked profile. The row is deleted when it is answered or withdrawn. */
export const followRequests = mysqlTable(
  'follow_requests',
  {
    followerId: uuid('follower_id').notNull(),
    followeeId: uuid('followee_id').notNull(),
    /** Time-ordered id of the request: the sort key of the list. */
    since: timeOrderedId('since').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.followerId, table.followeeId] }),
    index('follow_requests_received').on(table.followeeId, table.since),
  ],
);

/** Queue of users who unlocked their profiles: there may be too many requests for one transaction. */
export const unlockedProfiles = mysqlTable('unlocked_profiles', { userId: uuid('user_id').primaryKey() });

/** Blocks and mutes. Inactive rows keep their version, like those of follows. */
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

export const roles = mysqlTable(
  'roles',
  {
    id: uuid('id').primaryKey(),
    name: exactText('name', 64).notNull(),
    description: varchar('description', { length: 2_040 }).notNull().default(''),
  },
  (table) => [uniqueIndex('roles_name').on(table.name)],
);

export const permissions = mysqlTable(
  'permissions',
  {
    id: uuid('id').primaryKey(),
    name: exactText('name', 80).notNull(),
    description: varchar('description', { length: 2_040 }).notNull().default(''),
  },
  (table) => [uniqueIndex('permissions_name').on(table.name)],
);

export const rolePermissions = mysqlTable(
  'role_permissions',
  { roleId: uuid('role_id').notNull(), permissionId: uuid('permission_id').notNull() },
  (table) => [primaryKey({ columns: [table.roleId, table.permissionId] })],
);

export const userRoles = mysqlTable(
  'user_roles',
  { userId: uuid('user_id').notNull(), roleId: uuid('role_id').notNull() },
  (table) => [
    primaryKey({ columns: [table.userId, table.roleId] }),
    index('user_roles_role').on(table.roleId),
  ],
);

/** Queue of users whose authorizations changed with a role: it may have too many holders for one transaction. */
export const authorizationChanges = mysqlTable('authorization_changes', {
  userId: uuid('user_id').primaryKey(),
  /** Whether a role or permission was removed, so that older access tokens must be rejected. */
  reduced: boolean('reduced').notNull(),
  actorId: uuid('actor_id').notNull(),
});

/** Actions of operators. Triggers reject every update and delete, so no personal data may be stored here. */
export const auditLog = mysqlTable(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    at: moment('at').notNull().default(sql`(utc_timestamp(3))`),
    actorId: uuid('actor_id').notNull(),
    action: varchar('action', { length: 64 }).notNull(),
    targetType: mysqlEnum('target_type', ['user', 'role', 'permission']).notNull(),
    targetId: uuid('target_id').notNull(),
    requestId: varchar('request_id', { length: 128 }).notNull(),
    /** Every changed field, with its values unless they are personal or secret. */
    changes: json<Change[]>('changes').notNull(),
  },
  (table) => [
    index('audit_log_actor').on(table.actorId, table.id),
    index('audit_log_target').on(table.targetId, table.id),
  ],
);

/** The personal values of an audit entry, deleted together with the user they are about. */
export const auditPersonalValues = mysqlTable(
  'audit_personal_values',
  {
    entryId: uuid('entry_id').primaryKey(),
    userId: uuid('user_id').notNull(),
    changes: json<Change[]>('changes').notNull(),
  },
  (table) => [index('audit_personal_values_user').on(table.userId)],
);
