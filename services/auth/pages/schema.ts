import { char, index, mysqlTable, text } from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '#kit/mysql/columns';

/** The cookies of browsers that are signed in on the pages of this service. */
export const browserSessions = mysqlTable(
  'browser_sessions',
  {
    /** SHA-256 of the cookie, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    sessionId: uuid('session_id').notNull(),
  },
  (table) => [index('browser_sessions_session').on(table.sessionId)],
);

/** Sign-ins that wait for a second factor. */
export const pendingSignIns = mysqlTable(
  'pending_sign_ins',
  {
    /** SHA-256 of the token that its client holds, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    userId: uuid('user_id').notNull(),
    /** How the first factor was shown (RFC 8176): `pwd`. */
    methods: json<string[]>('methods').notNull(),
    /** The hash that the password was verified against; null without a password. */
    verifiedHash: text('verified_hash'),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    index('pending_sign_ins_user').on(table.userId),
    index('pending_sign_ins_expires').on(table.expiresAt),
  ],
);
