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
import { exactText, json, moment, uuid } from '#kit/mysql/columns';

export { outbox } from '#kit/messaging/tables';
export { apps, consents } from './apps/schema';
export { foreignSignIns, identities } from './identities/schema';
export { appTokens, authorizationCodes, deviceCodes } from './oauth/schema';
export { browserSessions, pendingSignIns } from './pages/schema';
export { passkeyChallenges, passkeys, recoveryCodes, totpSecrets } from './second-factors/schema';

/**
 * A replica of users, built from events in any order. Names are not unique here: a name may be taken again before the
 * event that frees it arrives.
 */
export const credentials = mysqlTable(
  'credentials',
  {
    userId: uuid('user_id').primaryKey(),
    /** Null after erasure. The row stays as a tombstone, so that a late event cannot restore the user. */
    username: exactText('username', 30),
    /** As it was typed. Users sign in by its key. */
    email: varchar('email', { length: 320 }),
    /** `emailKey` of the address; null where it is not derived yet. */
    emailKey: exactText('email_key', 320),
    /** argon2id, PHC string format. Null until the credentials arrive, and after erasure. */
    passwordHash: varchar('password_hash', { length: 255 }),
    active: boolean('active').notNull().default(true),
    /** The user's version that `active` was received with. */
    version: int('version', { unsigned: true }).notNull(),
    /** The versions that the username, password, email address and authorizations were received with, independently. */
    usernameVersion: int('username_version', { unsigned: true }).notNull().default(0),
    credentialsVersion: int('credentials_version', { unsigned: true }).notNull().default(0),
    emailVersion: int('email_version', { unsigned: true }).notNull().default(0),
    authorizationsVersion: int('authorizations_version', { unsigned: true }).notNull().default(0),
    /** As last received from the users service: used in tokens while it is unavailable. */
    roles: json<string[] | null>('roles'),
    permissions: json<string[] | null>('permissions'),
    /** Credentials that were set before this moment do not replace the password that its owner has reset. */
    passwordResetAt: moment('password_reset_at'),
    erasedAt: moment('erased_at'),
  },
  (table) => [
    index('credentials_username').on(table.username),
    index('credentials_email_key').on(table.emailKey),
  ],
);

/** Instances that create the next key concurrently agree by its generation: the first insert wins. */
export const signingKeys = mysqlTable(
  'signing_keys',
  {
    algorithm: varchar('algorithm', { length: 10 }).notNull(),
    generation: int('generation', { unsigned: true }).notNull(),
    kid: varchar('kid', { length: 64 }).notNull(),
    publicKey: json<JWK>('public_key').notNull(),
    /** JWK, encrypted. */
    sealedPrivateKey: text('sealed_private_key').notNull(),
    activeFrom: moment('active_from').notNull(),
  },
  (table) => [primaryKey({ columns: [table.algorithm, table.generation] })],
);

/** A sign-in on one device, with its family of refresh tokens. */
export const sessions = mysqlTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    address: varchar('address', { length: 45 }).notNull(),
    userAgent: varchar('user_agent', { length: 255 }),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at').notNull(),
    /** Extended with each use, up to `endsAt`. */
    expiresAt: moment('expires_at').notNull(),
    endsAt: moment('ends_at').notNull(),
    endedAt: moment('ended_at'),
    /** The app that the session is of; null for the person's own. */
    appId: uuid('app_id'),
    /** What the app may do. */
    scopes: json<string[] | null>('scopes'),
    /** How the person signed in (`amr`, RFC 8176); null before this was recorded, and where no factor was shown. */
    methods: json<string[] | null>('methods'),
    /** When they did, where that was before the session: of an app. */
    signedInAt: moment('signed_in_at'),
  },
  (table) => [
    index('sessions_user').on(table.userId, table.endedAt),
    index('sessions_expires').on(table.expiresAt),
  ],
);

export const refreshTokens = mysqlTable(
  'refresh_tokens',
  {
    /** SHA-256 of the token, in hexadecimal: the token itself is not stored. */
    hash: char('hash', { length: 64 }).primaryKey(),
    sessionId: uuid('session_id').notNull(),
    usedAt: moment('used_at'),
  },
  (table) => [index('refresh_tokens_session').on(table.sessionId)],
);

/** Mailed password reset links. A row is deleted when its link is used. */
export const passwordResets = mysqlTable(
  'password_resets',
  {
    /** SHA-256 of the token in the link, in hexadecimal: the token itself is not stored. */
    hash: char('hash', { length: 64 }).primaryKey(),
    userId: uuid('user_id').notNull(),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    index('password_resets_user').on(table.userId),
    index('password_resets_expires').on(table.expiresAt),
  ],
);

/** Access tokens that are revoked before they expire; processes hold a copy in memory. */
export const revokedTokens = mysqlTable(
  'revoked_tokens',
  {
    kind: mysqlEnum('kind', ['token', 'session', 'user']).notNull(),
    subject: uuid('subject').notNull(),
    /** Of kind `user`: tokens issued up to this moment are rejected, later ones are accepted. Seconds since 1970. */
    issuedUntil: int('issued_until', { unsigned: true }).notNull(),
    /** When every token that this applies to has expired. */
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.subject] }),
    index('revoked_tokens_expires').on(table.expiresAt),
  ],
);
