import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  tinyint,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, timeOrderedId, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

/** Replicas of people. The row of an erased person remains for its version: a late event must not restore them. */
export const people = mysqlTable(
  'people',
  {
    id: uuid('id').primaryKey(),
    username: varchar('username', { length: 30 }).notNull(),
    displayName: varchar('display_name', { length: 200 }).notNull(),
    avatarUrl: varchar('avatar_url', { length: 2048 }),
    deleted: boolean('deleted').notNull().default(false),
    /** After the columns that are updated by it: drizzle assigns columns in this order, and MySQL compares with assigned values. */
    version: int('version', { unsigned: true }).notNull(),
    /**
     * The person has too many followers for fan-out: their posts are merged when a home timeline is read. Never reset,
     * because posts created meanwhile are in no feed.
     */
    mergedAtRead: boolean('merged_at_read').notNull().default(false),
  },
  // Not unique: a username may be reused before the event that its first owner was deleted arrives.
  (table) => [index('people_username').on(table.username), index('people_merged').on(table.mergedAtRead)],
);

/** The row of an ended follow remains for its version: a late event must not override a newer one. */
export const follows = mysqlTable(
  'follows',
  {
    followerId: uuid('follower_id').notNull(),
    followeeId: uuid('followee_id').notNull(),
    active: boolean('active').notNull(),
    version: int('version', { unsigned: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.followerId, table.followeeId] }),
    index('follows_followers').on(table.followeeId, table.active, table.followerId),
  ],
);

/** Blocks and mutes. */
const restriction = (name: string) =>
  mysqlTable(
    name,
    {
      userId: uuid('user_id').notNull(),
      otherId: uuid('other_id').notNull(),
      active: boolean('active').notNull(),
      version: int('version', { unsigned: true }).notNull(),
    },
    (table) => [
      primaryKey({ columns: [table.userId, table.otherId] }),
      index(`${name}_of_other`).on(table.otherId, table.active, table.userId),
    ],
  );

export const blocks = restriction('blocks');
export const mutes = restriction('mutes');

/** Tokens of a full-text index (kit/text/search-tokens). */
const asciiText = customType<{ data: string }>({
  dataType: () => 'mediumtext character set ascii collate ascii_bin',
});

/**
 * A deleted post remains as a row without content: its id must stay taken, or a redelivered job would create it again.
 * The id contains the time of creation. Migrations of their own add full-text indexes on `search_tokens` and, for instances
 * of the version before it, on `text`.
 */
export const posts = mysqlTable(
  'posts',
  {
    id: timeOrderedId('id').primaryKey(),
    authorId: uuid('author_id').notNull(),
    text: text('text').notNull(),
    replyTo: timeOrderedId('reply_to'),
    rootId: timeOrderedId('root_id'),
    repostOf: timeOrderedId('repost_of'),
    /** The reposted post, if the post has no content of its own (`isPlainRepost`); null for a quote. */
    plainRepostOf: timeOrderedId('plain_repost_of').generatedAlwaysAs(
      sql`if(length(\`text\`) = 0 and json_length(\`media_ids\`) = 0 and \`poll_id\` is null, \`repost_of\`, null)`,
      { mode: 'virtual' },
    ),
    visibility: mysqlEnum('visibility', ['public', 'followers']).notNull(),
    pollId: uuid('poll_id'),
    mediaIds: json<string[]>('media_ids').notNull(),
    hashtags: json<string[]>('hashtags').notNull(),
    repliesCount: int('replies_count', { unsigned: true }).notNull().default(0),
    repostsCount: int('reposts_count', { unsigned: true }).notNull().default(0),
    quotesCount: int('quotes_count', { unsigned: true }).notNull().default(0),
    deletedAt: moment('deleted_at'),
    /** What is derived from the text (hashtags, search tokens) follows this version of the rules (`text-index.ts`). */
    textVersion: tinyint('text_version', { unsigned: true }).notNull().default(0),
    searchTokens: asciiText('search_tokens'),
  },
  (table) => [
    index('posts_of_author').on(table.authorId, table.id),
    index('posts_replies').on(table.replyTo, table.id),
    index('posts_text_version').on(table.textVersion, table.id),
    index('posts_reposts').on(table.repostOf, table.id),
    uniqueIndex('posts_one_repost').on(table.plainRepostOf, table.authorId),
  ],
);

export const postMentions = mysqlTable(
  'post_mentions',
  { postId: timeOrderedId('post_id').notNull(), personId: uuid('person_id').notNull() },
  (table) => [
    primaryKey({ columns: [table.postId, table.personId] }),
    index('post_mentions_person').on(table.personId),
  ],
);

/** Compared exactly: equality of hashtags is decided by `hashtagKey` (kit/text), not by a collation. */
const tag = customType<{ data: string }>({
  dataType: () => 'varchar(100) character set utf8mb4 collate utf8mb4_bin',
});

export const postHashtags = mysqlTable(
  'post_hashtags',
  { tag: tag('tag').notNull(), postId: timeOrderedId('post_id').notNull() },
  (table) => [
    primaryKey({ columns: [table.tag, table.postId] }),
    index('post_hashtags_post').on(table.postId),
  ],
);

export const bookmarks = mysqlTable(
  'bookmarks',
  {
    userId: uuid('user_id').notNull(),
    postId: timeOrderedId('post_id').notNull(),
    /** Time-ordered id of the moment it was added: the sort key of the list. */
    since: timeOrderedId('since').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.postId] }),
    index('bookmarks_of_person').on(table.userId, table.since),
    index('bookmarks_of_post').on(table.postId),
  ],
);

/**
 * Posts in the order in which they are streamed, by which live timelines resume: that of their ids for each author, except
 * for posts created asynchronously, which may have older ids than posts streamed before them. Positions have no gaps and become visible in order, because each is assigned
 * under the lock of the head.
 */
export const streamEntries = mysqlTable('stream_entries', {
  position: bigint('position', { mode: 'number', unsigned: true }).primaryKey(),
  postId: timeOrderedId('post_id').notNull().unique(),
});

/** One row, inserted by the migration: the last assigned position. */
export const streamHead = mysqlTable('stream_head', {
  id: int('id', { unsigned: true }).primaryKey(),
  position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
});

/** The newest post of each author in the stream. */
export const streamAuthors = mysqlTable('stream_authors', {
  authorId: uuid('author_id').primaryKey(),
  postId: timeOrderedId('post_id').notNull(),
});
