import { char, index, int, mysqlEnum, mysqlTable, text, uniqueIndex } from 'drizzle-orm/mysql-core';
import { exactText, json, moment, uuid } from '#kit/mysql/columns';

/** Codes that apps exchange for tokens once. The row stays until it expires, so that a second use is noticed. */
export const authorizationCodes = mysqlTable(
  'authorization_codes',
  {
    /** SHA-256 of the code, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    appId: uuid('app_id').notNull(),
    userId: uuid('user_id').notNull(),
    redirectUri: text('redirect_uri').notNull(),
    scopes: json<string[]>('scopes').notNull(),
    /** S256; null where PKCE is optional and was not used. */
    codeChallenge: char('code_challenge', { length: 43 }),
    nonce: text('nonce'),
    /** When and how the person signed in in the browser: `auth_time` and `amr`. */
    signedInAt: moment('signed_in_at').notNull(),
    methods: json<string[]>('methods').notNull(),
    expiresAt: moment('expires_at').notNull(),
    /** The session that was opened for the code. It ends when the code is used again. */
    sessionId: uuid('session_id'),
  },
  (table) => [
    index('authorization_codes_user').on(table.userId),
    index('authorization_codes_expires').on(table.expiresAt),
  ],
);

/** RFC 8628. */
export const deviceCodes = mysqlTable(
  'device_codes',
  {
    /** SHA-256 of the device code, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    userCode: exactText('user_code', 16).notNull(),
    appId: uuid('app_id').notNull(),
    scopes: json<string[]>('scopes').notNull(),
    status: mysqlEnum('status', ['pending', 'allowed', 'denied', 'used']).notNull(),
    userId: uuid('user_id'),
    signedInAt: moment('signed_in_at'),
    methods: json<string[] | null>('methods'),
    /** Seconds between two polls; more after an early one. */
    intervalSeconds: int('interval_seconds', { unsigned: true }).notNull(),
    polledAt: moment('polled_at'),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('device_codes_user_code').on(table.userCode),
    index('device_codes_user').on(table.userId),
    index('device_codes_expires').on(table.expiresAt),
  ],
);

/** Opaque access tokens: of apps that never refresh, and of apps themselves (`client_credentials`). */
export const appTokens = mysqlTable(
  'app_tokens',
  {
    /** SHA-256 of the token, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    id: uuid('id').notNull(),
    appId: uuid('app_id').notNull(),
    /** The person's session of the app; null for the app itself. */
    sessionId: uuid('session_id'),
    scopes: json<string[]>('scopes').notNull(),
    createdAt: moment('created_at').notNull(),
    /** Null: valid until revoked. */
    expiresAt: moment('expires_at'),
  },
  (table) => [
    index('app_tokens_session').on(table.sessionId),
    index('app_tokens_app').on(table.appId),
    index('app_tokens_expires').on(table.expiresAt),
  ],
);
