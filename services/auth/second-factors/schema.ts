import {
  boolean,
  char,
  index,
  int,
  mysqlTable,
  primaryKey,
  text,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '#kit/mysql/columns';

/** Authenticator apps (RFC 6238): one a person. */
export const totpSecrets = mysqlTable('totp_secrets', {
  userId: uuid('user_id').primaryKey(),
  /** Encrypted. */
  sealedSecret: text('sealed_secret').notNull(),
  createdAt: moment('created_at').notNull(),
  /** Null until its first code was entered: it is no factor before. */
  confirmedAt: moment('confirmed_at'),
  /** The newest time step whose code was used: each code is used once. */
  lastStep: int('last_step', { unsigned: true }).notNull().default(0),
});

export const recoveryCodes = mysqlTable(
  'recovery_codes',
  {
    userId: uuid('user_id').notNull(),
    /** SHA-256 of the code (80 random bits), in hexadecimal. */
    hash: char('hash', { length: 64 }).notNull(),
    createdAt: moment('created_at').notNull(),
    usedAt: moment('used_at'),
  },
  (table) => [primaryKey({ columns: [table.userId, table.hash] })],
);

/** WebAuthn credentials. */
export const passkeys = mysqlTable(
  'passkeys',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    /** SHA-256 of the credential id, in hexadecimal: ids are up to 1,023 bytes long. */
    credentialHash: char('credential_hash', { length: 64 }).notNull(),
    /** base64url. */
    credentialId: text('credential_id').notNull(),
    /** COSE, base64url. */
    publicKey: text('public_key').notNull(),
    counter: int('counter', { unsigned: true }).notNull(),
    transports: json<string[]>('transports').notNull(),
    backedUp: boolean('backed_up').notNull(),
    name: varchar('name', { length: 60 }).notNull(),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at'),
  },
  (table) => [
    uniqueIndex('passkeys_credential').on(table.credentialHash),
    index('passkeys_user').on(table.userId),
  ],
);

/** Challenges of WebAuthn that were handed out and not answered yet: each is answered once. */
export const passkeyChallenges = mysqlTable(
  'passkey_challenges',
  {
    /** SHA-256 of the challenge, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    /** Who registers or confirms; null for a sign-in of somebody not yet known. */
    userId: uuid('user_id'),
    purpose: varchar('purpose', { length: 16 }).notNull(),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    index('passkey_challenges_user').on(table.userId),
    index('passkey_challenges_expires').on(table.expiresAt),
  ],
);
