import {
  boolean,
  char,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  varchar,
} from 'drizzle-orm/mysql-core';
import type { JWK } from 'jose';
import { json, moment, uuid } from '#kit/mysql/columns';

export { outbox } from '#kit/messaging/tables';

/**
 * What this service knows of a person, brought by events in any order. Names are not unique here: a name that became
 * free may be taken again before the news of its freedom arrives.
 */
export const credentials = mysqlTable(
  'credentials',
  {
    userId: uuid('user_id').primaryKey(),
    /** Null once the person is erased; the row stays, so that a late message cannot bring them back. */
    username: varchar('username', { length: 30 }),
    email: varchar('email', { length: 320 }),
    /** argon2id, PHC string format. Null until the credentials arrive, and once the person is erased. */
    passwordHash: varchar('password_hash', { length: 255 }),
    active: boolean('active').notNull().default(true),
    /** The person's version that says whether they may sign in. */
    version: int('version', { unsigned: true }).notNull(),
    /** The person's versions that brought the name, the password, the address and the rights; each comes by itself. */
    usernameVersion: int('username_version', { unsigned: true }).notNull().default(0),
    credentialsVersion: int('credentials_version', { unsigned: true }).notNull().default(0),
    emailVersion: int('email_version', { unsigned: true }).notNull().default(0),
    authorizationsVersion: int('authorizations_version', { unsigned: true }).notNull().default(0),
    /** As the users service said last: what tokens say while it is away. */
    roles: json<string[] | null>('roles'),
    permissions: json<string[] | null>('permissions'),
    /** Credentials that were set before do not replace a password that its owner has reset since. */
    passwordResetAt: moment('password_reset_at'),
    erasedAt: moment('erased_at'),
  },
  (table) => [index('credentials_username').on(table.username), index('credentials_email').on(table.email)],
);

/** Instances that make the next key at the same time agree by its generation: the first one's stays. */
export const signingKeys = mysqlTable(
  'signing_keys',
  {
    algorithm: varchar('algorithm', { length: 10 }).notNull(),
    generation: int('generation', { unsigned: true }).notNull(),
    kid: varchar('kid', { length: 64 }).notNull(),
    publicKey: json<JWK>('public_key').notNull(),
    /** JWK, sealed. */
    sealedPrivateKey: text('sealed_private_key').notNull(),
    activeFrom: moment('active_from').notNull(),
  },
  (table) => [primaryKey({ columns: [table.algorithm, table.generation] })],
);

/** One signing in on one device, and the family of refresh tokens that comes from it. */
export const sessions = mysqlTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    address: varchar('address', { length: 45 }).notNull(),
    userAgent: varchar('user_agent', { length: 255 }),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at').notNull(),
    /** Moves on with each use, up to `endsAt`. */
    expiresAt: moment('expires_at').notNull(),
    endsAt: moment('ends_at').notNull(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    index('sessions_user').on(table.userId, table.endedAt),
    index('sessions_expires').on(table.expiresAt),
  ],
);

export const refreshTokens = mysqlTable(
  'refresh_tokens',
  {
    /** SHA-256 of the token, in hexadecimal: the token itself is nowhere. */
    hash: char('hash', { length: 64 }).primaryKey(),
    sessionId: uuid('session_id').notNull(),
    usedAt: moment('used_at'),
  },
  (table) => [index('refresh_tokens_session').on(table.sessionId)],
);

/** Links mailed to people who forgot their password. A row goes when its link is used. */
export const passwordResets = mysqlTable(
  'password_resets',
  {
    /** SHA-256 of the token in the link, in hexadecimal: the token itself is only in the mail. */
    hash: char('hash', { length: 64 }).primaryKey(),
    userId: uuid('user_id').notNull(),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    index('password_resets_user').on(table.userId),
    index('password_resets_expires').on(table.expiresAt),
  ],
);

/** The record of access tokens that are refused before their time; processes hold a copy in memory. */
export const revokedTokens = mysqlTable(
  'revoked_tokens',
  {
    kind: mysqlEnum('kind', ['token', 'session', 'user']).notNull(),
    subject: uuid('subject').notNull(),
    /** Of kind `user`: tokens issued up to this moment are refused, later ones are not. Seconds since 1970. */
    issuedUntil: int('issued_until', { unsigned: true }).notNull(),
    /** When no token that this is about can be good any more. */
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.subject] }),
    index('revoked_tokens_expires').on(table.expiresAt),
  ],
);
