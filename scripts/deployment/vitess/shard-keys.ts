/** How the rows of a table are spread over shards. */
export type Sharding =
  /** By the hash of a column, which a query names to be sent to one shard. */
  | {
      readonly by: string;
      /** Other columns that name a row, or few: an index over all shards leads from them to its shard. */
      readonly found?: readonly Found[];
      /** AUTO_INCREMENT is unique within one shard only: the column takes its values from a sequence. */
      readonly sequence?: string;
    }
  /** A copy on every shard: small, and hardly changed. */
  | 'reference'
  /** On the first shard alone. */
  | 'first';

/** A column with an index over all shards. */
export interface Found {
  readonly column: string;
  /** Whether a value names one row. */
  readonly unique: boolean;
}

const by = (column: string, ...found: Found[]): Sharding => ({ by: column, found });
const one = (column: string): Found => ({ column, unique: true });
const many = (column: string): Found => ({ column, unique: false });

/** Of kit, in the database of every service that has them. */
const OUTBOX: Sharding = { by: 'aggregate_id', sequence: 'id' };
const SHARED: Readonly<Record<string, Sharding>> = {
  // Read at the start, under a lock.
  __drizzle_migrations: 'first',
  // Of kit/mysql, where a database has it: a row for each process that makes ids, and for each singleton.
  leases: 'first',
  idempotency_keys: by('id'),
  inbox: by('message_id'),
  outbox: OUTBOX,
};
const RESTRICTION = by('user_id', many('other_id'));

/**
 * What each table is sharded by, for every service with a database. A row is where the queries of its owner look for it:
 * the author, the reader, the payer. `make deployment` writes a VSchema of Vitess for each (deploy/vitess/), and
 * tests/query-plans compares it with the statements of the hot use cases.
 */
export const SHARD_KEYS: Readonly<Record<string, Readonly<Record<string, Sharding>>>> = {
  timelines: {
    people: by('id', many('username')),
    follows: by('follower_id', many('followee_id')),
    blocks: RESTRICTION,
    mutes: RESTRICTION,
    posts: by('author_id', one('id')),
    post_mentions: by('post_id', many('person_id')),
    post_hashtags: by('tag', many('post_id')),
    bookmarks: by('user_id'),
    // One order over all posts.
    stream_entries: 'first',
    stream_head: 'first',
    stream_authors: by('author_id'),
  },
  users: {
    users: by('id', one('username'), one('email_key')),
    email_verifications: by('user_id', one('hash')),
    follows: by('follower_id', many('followee_id')),
    follow_requests: by('followee_id', many('follower_id')),
    // Queues, mostly empty.
    unlocked_profiles: 'first',
    authorization_changes: 'first',
    blocks: by('user_id'),
    mutes: by('user_id'),
    roles: 'reference',
    permissions: 'reference',
    role_permissions: 'reference',
    user_roles: by('user_id'),
    // Of operators: few.
    audit_log: 'first',
    audit_personal_values: 'first',
  },
  auth: {
    credentials: by('user_id', many('username'), many('email_key')),
    signing_keys: 'reference',
    sessions: by('id', many('user_id')),
    refresh_tokens: by('hash', many('session_id')),
    password_resets: by('hash', many('user_id')),
    apps: 'reference',
    consents: by('user_id', many('app_id')),
    authorization_codes: by('hash', many('user_id')),
    device_codes: by('hash', one('user_code'), many('user_id')),
    app_tokens: by('hash', many('session_id'), many('app_id')),
    browser_sessions: by('hash', many('session_id')),
    pending_sign_ins: by('hash', many('user_id')),
    totp_secrets: by('user_id'),
    recovery_codes: by('user_id'),
    passkeys: by('user_id', one('credential_hash')),
    passkey_challenges: by('hash', many('user_id')),
    identities: by('user_id'),
    foreign_sign_ins: by('hash', many('user_id')),
    // Every process reads all of them.
    revoked_tokens: 'first',
  },
  notifications: {
    people: by('id'),
    blocks: by('user_id'),
    mutes: by('user_id'),
    recipients: by('user_id'),
    notifications: by('user_id', one('id')),
    notification_actors: by('notification_id', many('actor_id')),
    ended_objects: by('id'),
    settings: by('user_id'),
  },
  chat: {
    rooms: { by: 'id', found: [many('name')], sequence: 'id' },
    room_members: by('room_id', many('user_id')),
    room_invitations: by('room_id', one('id'), many('user_id')),
    messages: by('room_id', one('id')),
    changes: by('room_id'),
  },
  accounts: {
    accounts: by('id', many('owner_id')),
    transfers: by('id', one('external_id'), many('reverses')),
    entries: { by: 'account_id', found: [many('transfer_id')], sequence: 'id' },
    erased_people: by('user_id'),
  },
  payments: {
    payments: by('id', many('user_id'), many('provider_reference')),
    payment_events: by('payment_id'),
    refunds: by('payment_id', one('id')),
    webhook_events: by('id'),
    provider_charges: by('idempotency_key'),
    provider_refunds: by('charge_key', one('refund_key')),
  },
  billing: {
    invoices: by('id', one('number'), one('payment_id'), many('user_id')),
    // Without gaps, so one after the other.
    invoice_numbers: 'first',
  },
  mail: {
    mails: by('recipient', one('id'), many('user_id')),
    bounces: by('address_hash'),
    daily_counts: by('mailbox_hash'),
    unsubscriptions: by('address_hash'),
  },
  media: {
    media: by('id', many('owner_id')),
    media_post: by('media_id', many('post_id')),
    media_version: by('media_id'),
    media_size: by('media_id'),
    media_tag: by('id', one('tag_key')),
    media_tags_media: by('media_id', many('tag_id')),
    media_blob: by('sha256'),
    media_usage: by('owner_id'),
    resumable_upload: by('id', many('owner_id')),
    resumable_part: by('upload_id'),
    media_avatar: by('owner_id'),
    category: 'reference',
  },
  playlists: {
    owners: by('id'),
    playlists: by('id', many('owner_id')),
    playlist_videos: by('playlist_id'),
  },
  resumes: {
    owners: by('id'),
    resumes: by('id', many('owner_id')),
  },
  archives: { archives: by('owner_id', one('id')) },
};

/** How a table of a service is sharded; undefined for one that nobody has decided about. */
export const shardingOf = (service: string, table: string): Sharding | undefined =>
  SHARD_KEYS[service]?.[table] ?? SHARED[table];

/** The tables that every service may have, besides its own. */
export const sharedTables = (): string[] => Object.keys(SHARED);
