/** A statement that is sent to every shard, or reads a whole table, and why it may. */
export interface Scattered {
  readonly service?: string;
  readonly table: string;
  /** Part of its shape. */
  readonly shape: RegExp;
  readonly reason: string;
}

/** Statements of the hot use cases, and of what runs beside them, that name no shard key. */
export const SCATTERED: readonly Scattered[] = [
  {
    table: 'outbox',
    shape: /^(select|update|delete)\b/,
    reason: 'the relay reads the outboxes of all shards together, twenty times a second at most',
  },
  {
    service: 'timelines',
    table: 'posts',
    shape: /`visibility` = \?/,
    reason: 'the public timeline is of all authors; each process remembers its newest posts',
  },
  {
    service: 'timelines',
    table: 'posts',
    shape: /match\(/,
    reason: 'a search is of all authors, and limited by shares',
  },
  {
    service: 'timelines',
    table: 'posts',
    shape: /^with recursive thread/,
    reason: 'replies are their authors’, and a thread has many; it is read when a post is opened',
  },
  {
    service: 'timelines',
    table: 'people',
    shape: /where `people`\.`merged_at_read` = true$/,
    reason: 'authors with very many followers: few, and read once per process',
  },
  {
    service: 'timelines',
    table: 'bookmarks',
    shape: /^delete/,
    reason: 'bookmarks are their readers’; those of a deleted post are deleted with it',
  },
  {
    service: 'notifications',
    table: 'recipients',
    shape: /`mail_due_at` <= utc_timestamp/,
    reason: 'due digests of all recipients, once a second',
  },
  {
    service: 'accounts',
    table: 'transfers',
    shape: /`expires_at` <= utc_timestamp/,
    reason: 'expired transfers of all accounts, in the background',
  },
  {
    service: 'media',
    table: 'media_version',
    shape: /`copy_status` = \?/,
    reason: 'missing copies of all files, in the background',
  },
  {
    service: 'payments',
    table: 'payments',
    shape: /`updated_at` </,
    reason: 'overdue payments of all payers, in the background',
  },
  {
    service: 'payments',
    table: 'refunds',
    shape: /`updated_at` </,
    reason: 'overdue refunds of all payers, in the background',
  },
  {
    service: 'billing',
    table: 'invoices',
    shape: /`paying_since` <=/,
    reason: 'interrupted payments of invoices, in the background',
  },
  {
    service: 'users',
    table: 'users',
    shape: /`email_key` is null/,
    reason: 'keys of older rows, once a minute',
  },
  {
    service: 'auth',
    table: 'credentials',
    shape: /`email_key` is null/,
    reason: 'keys of older rows, once a minute',
  },
  { table: 'posts', shape: /`text_version` </, reason: 'texts of older rows, once a minute' },
];

/** Statements that read all of a table once a minute, of rows that become none. */
export const BACKFILL = /`email_key` is null/;

/** Tables whose rows are few whatever the number of people, so that reading all of them is right. */
export const SMALL: ReadonlySet<string> = new Set([
  'leases',
  ...['timelines.stream_head', 'users.unlocked_profiles', 'users.authorization_changes'],
  ...['auth.signing_keys', 'auth.revoked_tokens', 'users.roles', 'users.permissions', 'media.category'],
]);
