import {
  customType,
  index,
  int,
  mysqlEnum,
  mysqlTable,
  primaryKey,
  text,
  varchar,
} from 'drizzle-orm/mysql-core';
import { moment, uuid } from '#kit/mysql/columns';

export { idempotencyKeys } from '#kit/http/idempotency-table';

/** Compared byte by byte, as fractional indexes and foreign ids require. */
const ascii = customType<{ data: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length}) character set ascii collate ascii_bin`,
});

/** One row per owner, locked while a playlist is created: concurrent requests cannot exceed the limit. */
export const owners = mysqlTable('owners', {
  id: uuid('id').primaryKey(),
  playlistsCount: int('playlists_count', { unsigned: true }).notNull(),
});

export const playlists = mysqlTable(
  'playlists',
  {
    /** UUIDv7: time-ordered, and therefore also the sort key of lists. */
    id: uuid('id').primaryKey(),
    ownerId: uuid('owner_id').notNull(),
    name: varchar('name', { length: 1600 }).notNull(),
    description: text('description').notNull(),
    visibility: mysqlEnum('visibility', ['public', 'unlisted', 'private']).notNull(),
    /** Incremented on every change of the playlist or its videos. Every change locks this row first. */
    version: int('version', { unsigned: true }).notNull(),
    videosCount: int('videos_count', { unsigned: true }).notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [index('playlists_of_owner').on(table.ownerId, table.id)],
);

export const playlistVideos = mysqlTable(
  'playlist_videos',
  {
    playlistId: uuid('playlist_id').notNull(),
    videoId: ascii('video_id', { length: 64 }).notNull(),
    /** A fractional index (see `rules`): moving a video changes its position only, not that of its neighbours. */
    position: ascii('position', { length: 255 }).notNull(),
    addedAt: moment('added_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.playlistId, table.videoId] }),
    index('playlist_videos_in_order').on(table.playlistId, table.position),
  ],
);
