import { char, index, mysqlTable, primaryKey, text, varchar } from 'drizzle-orm/mysql-core';
import { exactText, moment, uuid } from '#kit/mysql/columns';

/** Accounts at other providers that people sign in with. */
export const identities = mysqlTable(
  'identities',
  {
    /** The name of the provider in the configuration. */
    provider: exactText('provider', 40).notNull(),
    subject: exactText('subject', 255).notNull(),
    userId: uuid('user_id').notNull(),
    /** How the account is shown to its owner, as the provider said at the last sign-in. */
    label: varchar('label', { length: 320 }),
    linkedAt: moment('linked_at').notNull(),
    lastUsedAt: moment('last_used_at'),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.subject] }),
    index('identities_user').on(table.userId),
  ],
);

/** Sign-ins that wait for a browser to return from another provider, and then for their owner to say what account is signed in to. */
export const foreignSignIns = mysqlTable(
  'foreign_sign_ins',
  {
    /** SHA-256 of `state`, or of the cookie with the account, in hexadecimal. */
    hash: char('hash', { length: 64 }).primaryKey(),
    /** SHA-256 of the cookie of the browser, in hexadecimal: nobody is signed in as somebody else. */
    browserHash: char('browser_hash', { length: 64 }).notNull(),
    provider: exactText('provider', 40).notNull(),
    /** Encrypted: the PKCE verifier and the nonce, or what the provider has said about the account. */
    sealed: text('sealed').notNull(),
    /** Where the browser goes afterwards: a path of ours. */
    next: text('next').notNull(),
    /** Who links an account; null for a sign-in. */
    userId: uuid('user_id'),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    index('foreign_sign_ins_user').on(table.userId),
    index('foreign_sign_ins_expires').on(table.expiresAt),
  ],
);
