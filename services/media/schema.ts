import {
  bigint,
  boolean,
  customType,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core';
import { exactText, json, moment, timeOrderedId, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';
export { outbox } from '#kit/messaging/tables';

/** 32 bytes in the table, hexadecimal in the code. */
const sha256 = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'binary(32)',
  toDriver: (text) => Buffer.from(text, 'hex'),
  fromDriver: (bytes) => bytes.toString('hex'),
});

const bytes = (name: string) => bigint(name, { mode: 'number', unsigned: true });
const pixels = (name: string) => int(name, { unsigned: true });

/** The public posts that show a file. The row of a deleted post stays: a late event must not publish the file again. */
export const mediaPosts = mysqlTable(
  'media_post',
  {
    mediaId: uuid('media_id').notNull(),
    postId: timeOrderedId('post_id').notNull(),
    deleted: boolean('deleted').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.mediaId, table.postId] }),
    index('media_post_post').on(table.postId),
  ],
);

/** A file under a stable id, whatever versions are uploaded later. */
export const media = mysqlTable(
  'media',
  {
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    bucketName: varchar('bucket_name', { length: 63 }).notNull(),
    categoryId: uuid('category_id'),
    visibility: mysqlEnum('visibility', ['public', 'private']).notNull(),
    /** Whether it is public only because public posts show it, not because its owner has said so. */
    publicByPosts: boolean('public_by_posts').notNull().default(false),
    /** The version that is served. */
    currentVersion: int('current_version', { unsigned: true }).notNull(),
    /** The highest version number assigned so far. */
    latestVersion: int('latest_version', { unsigned: true }).notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
    index('media_owner').on(table.ownerId, table.id),
    index('media_category').on(table.categoryId, table.id),
    index('media_visibility').on(table.visibility, table.id),
  ],
);

export const mediaVersions = mysqlTable(
  'media_version',
  {
    mediaId: uuid('media_id').notNull(),
    version: int('version', { unsigned: true }).notNull(),
    fileName: varchar('file_name', { length: 255 }).notNull(),
    sha256: sha256('sha256').notNull(),
    size: bytes('size').notNull(),
    /** Media type, detected from the content. */
    type: varchar('type', { length: 100 }).notNull(),
    status: mysqlEnum('status', ['processing', 'ready', 'rejected']).notNull(),
    /** Why it was rejected. */
    code: varchar('code', { length: 64 }),
    width: pixels('width'),
    height: pixels('height'),
    frames: int('frames', { unsigned: true }),
    /** Base64. */
    thumbhash: varchar('thumbhash', { length: 64 }),
    /** Like `#1a2b3c`. */
    dominantColor: varchar('dominant_color', { length: 7 }),
    /** Whether there is a copy without metadata, which others than the owner get. Refused: only the owner gets the file. */
    copyStatus: mysqlEnum('copy_status', ['pending', 'ready', 'refused']).notNull().default('pending'),
    copySha256: sha256('copy_sha256'),
    copySize: bytes('copy_size'),
    /** When the worker was last asked for the copy of a file that was stored without one. */
    copyRequestedAt: moment('copy_requested_at'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.mediaId, table.version] }),
    index('media_version_copy').on(table.copyStatus, table.copyRequestedAt),
    index('media_version_status').on(table.status, table.createdAt),
  ],
);

/** The resized copies of a picture, each in WebP and in a universally supported format. */
export const mediaSizes = mysqlTable(
  'media_size',
  {
    mediaId: uuid('media_id').notNull(),
    version: int('version', { unsigned: true }).notNull(),
    name: mysqlEnum('name', ['thumb', 'small', 'medium', 'large']).notNull(),
    type: varchar('type', { length: 32 }).notNull(),
    sha256: sha256('sha256').notNull(),
    size: bytes('size').notNull(),
    width: pixels('width').notNull(),
    height: pixels('height').notNull(),
  },
  (table) => [primaryKey({ columns: [table.mediaId, table.version, table.name, table.type] })],
);

export const mediaTags = mysqlTable(
  'media_tag',
  {
    id: uuid('id').primaryKey(),
    /** As it was typed first. */
    name: varchar('name', { length: 256 }).notNull(),
    /** Its canonical key. Null only until the service has derived it for a row from before there were any. */
    key: exactText('tag_key', 768),
  },
  (table) => [uniqueIndex('media_tag_key').on(table.key)],
);

export const mediaTagsMedia = mysqlTable(
  'media_tags_media',
  {
    mediaId: uuid('media_id').notNull(),
    tagId: uuid('tag_id').notNull(),
    /** As it was typed for this file; null where only the tag's own name is known. */
    name: varchar('name', { length: 256 }),
  },
  (table) => [
    primaryKey({ columns: [table.mediaId, table.tagId] }),
    index('media_tags_media_tag').on(table.tagId, table.mediaId),
  ],
);

/** Stored blobs with the number of versions, copies and sizes that reference them. At zero the blob is deleted, then its row. */
export const mediaBlobs = mysqlTable(
  'media_blob',
  {
    sha256: sha256('sha256').primaryKey(),
    size: bytes('size').notNull(),
    referenceCount: int('reference_count', { unsigned: true }).notNull(),
  },
  (table) => [index('media_blob_references').on(table.referenceCount)],
);

/** Bytes of all versions of a user's files, which count towards the quota. */
export const mediaUsage = mysqlTable('media_usage', {
  ownerId: uuid('owner_id').primaryKey(),
  bytes: bytes('bytes').notNull(),
});

/**
 * The state of resumable uploads, so that every instance knows it. Of a finished one it stays readable for a day: the client
 * may not have received the response to its last request.
 */
export const resumableUploads = mysqlTable(
  'resumable_upload',
  {
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    /** Null until the client declares it. */
    size: bytes('size'),
    /** Bytes that have arrived. */
    received: bytes('received').notNull(),
    metadata: json<Record<string, string | null>>('metadata').notNull(),
    /** The file it has become. */
    fileId: uuid('file_id'),
    createdAt: moment('created_at').notNull(),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    index('resumable_upload_owner').on(table.ownerId, table.fileId),
    index('resumable_upload_created').on(table.createdAt),
  ],
);

/** The pieces of an unfinished upload, stored as blobs, so that any instance can continue it. */
export const resumableParts = mysqlTable(
  'resumable_part',
  {
    uploadId: uuid('upload_id').notNull(),
    /** Of its first byte. */
    position: bytes('position').notNull(),
    sha256: sha256('sha256').notNull(),
    size: bytes('size').notNull(),
  },
  (table) => [primaryKey({ columns: [table.uploadId, table.position] })],
);

/** The file that is a user's avatar, or becomes it once it is ready. */
export const mediaAvatars = mysqlTable('media_avatar', {
  ownerId: uuid('owner_id').primaryKey(),
  mediaId: uuid('media_id').notNull(),
});

export const categories = mysqlTable(
  'category',
  {
    id: uuid('id').primaryKey(),
    parentId: uuid('parent_id'),
    /** The parent's id, all zeros at the top level: a unique index treats nulls as distinct. */
    siblingsOf: uuid('siblings_of').notNull(),
    title: varchar('title', { length: 960 }).notNull(),
    /** Its own canonical key. */
    slug: exactText('slug', 80).notNull(),
    /** 0 at the top level. */
    level: int('level', { unsigned: true }).notNull(),
    /** Slugs from the top level to this one, like `animals/birds`. */
    path: varchar('path', { length: 1000 }).notNull(),
    createdBy: uuid('created_by').notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [uniqueIndex('category_slug').on(table.siblingsOf, table.slug)],
);
