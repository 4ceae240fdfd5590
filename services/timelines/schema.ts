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
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { json, moment, timeOrderedId, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

/** What this service keeps of people. An erased person's row stays for its version: a late event must not bring them back. */
export const people = mysqlTable(
  'people',
  {
    id: uuid('id').primaryKey(),
    username: varchar('username', { length: 30 }).notNull(),
    displayName: varchar('display_name', { length: 200 }).notNull(),
    avatarUrl: varchar('avatar_url', { length: 2048 }),
    deleted: boolean('deleted').notNull().default(false),
    /** After all that goes by it: drizzle assigns columns in this order, and MySQL compares with what it has assigned. */
    version: int('version', { unsigned: true }).notNull(),
    /**
     * Has so many followers that posts are not fanned out but merged when a home timeline is read. Never taken back:
     * posts made meanwhile are in nobody's feed.
     */
    mergedAtRead: boolean('merged_at_read').notNull().default(false),
  },
  // Not unique: a name may pass to somebody else before the event of its first owner's end arrives.
  (table) => [index('people_username').on(table.username), index('people_merged').on(table.mergedAtRead)],
);

/** A row stays when a follow ends, for its version: a late event must not win over a newer one. */
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

/** Blocks and mutes: one person's decision about another. */
const decision = (name: string) =>
  mysqlTable(
    name,
    {
      userId: uuid('user_id').notNull(),
      otherId: uuid('other_id').notNull(),
      active: boolean('active').notNull(),
      version: int('version', { unsigned: true }).notNull(),
    },
    (table) => [primaryKey({ columns: [table.userId, table.otherId] })],
  );

export const blocks = decision('blocks');
export const mutes = decision('mutes');

/**
 * A deleted post stays as a row without content: its id must stay taken, or a job that comes twice would create it
 * again. The id tells when it was made. A full-text index on `text` is added by a migration of its own.
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
    visibility: mysqlEnum('visibility', ['public', 'followers']).notNull(),
    pollId: uuid('poll_id'),
    mediaIds: json<string[]>('media_ids').notNull(),
    hashtags: json<string[]>('hashtags').notNull(),
    repliesCount: int('replies_count', { unsigned: true }).notNull().default(0),
    repostsCount: int('reposts_count', { unsigned: true }).notNull().default(0),
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    index('posts_of_author').on(table.authorId, table.id),
    index('posts_replies').on(table.replyTo, table.id),
    uniqueIndex('posts_one_repost').on(table.repostOf, table.authorId),
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

/** Compared exactly: what counts as the same tag is decided in the rules, not by a collation. */
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
    /** Time-ordered id of the moment: the sort key of the list. */
    since: timeOrderedId('since').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.postId] }),
    index('bookmarks_of_person').on(table.userId, table.since),
    index('bookmarks_of_post').on(table.postId),
  ],
);

/**
 * Posts in the order in which they became known here, which live timelines resume by: posts taken to be created later
 * have older ids than what was shown before them. Positions have no gaps, and a later one is never seen before an
 * earlier one, because each is given under the lock of the head.
 */
export const streamEntries = mysqlTable('stream_entries', {
  position: bigint('position', { mode: 'number', unsigned: true }).primaryKey(),
  postId: timeOrderedId('post_id').notNull().unique(),
});

/** One row, written by the migration: the last position given. */
export const streamHead = mysqlTable('stream_head', {
  id: int('id', { unsigned: true }).primaryKey(),
  position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
});
