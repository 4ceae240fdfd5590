import {
  boolean,
  char,
  index,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, uuid } from '#kit/mysql/columns';

/** Apps of others (OAuth clients). */
export const apps = mysqlTable(
  'apps',
  {
    /** The `client_id`. */
    id: uuid('id').primaryKey(),
    /** SHA-256 of the client secret, in hexadecimal; null for public clients. */
    secretHash: char('secret_hash', { length: 64 }),
    /** `open`: registered by RFC 7591. `mastodon`: its tokens do not expire, and PKCE is optional. */
    kind: mysqlEnum('kind', ['open', 'mastodon']).notNull(),
    name: varchar('name', { length: 120 }).notNull(),
    website: text('website'),
    redirectUris: json<string[]>('redirect_uris').notNull(),
    /** All that it may ask for. */
    scopes: json<string[]>('scopes').notNull(),
    grantTypes: json<string[]>('grant_types').notNull(),
    authMethod: varchar('auth_method', { length: 40 }).notNull(),
    /** Apps that nobody has ever allowed are deleted. */
    allowed: boolean('allowed').notNull().default(false),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [index('apps_unused').on(table.allowed, table.createdAt)],
);

/** What a person has allowed an app. */
export const consents = mysqlTable(
  'consents',
  {
    userId: uuid('user_id').notNull(),
    appId: uuid('app_id').notNull(),
    scopes: json<string[]>('scopes').notNull(),
    givenAt: moment('given_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.appId] }), index('consents_app').on(table.appId)],
);
