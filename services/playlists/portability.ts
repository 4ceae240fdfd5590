import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import {
  type ExportedRecord,
  exportedPage,
  IdTaken,
  type ImportedRecord,
  pastTime,
  portabilityGrpc,
  RecordInvalid,
} from '#kit/grpc/portability';
import { type Database, inTransaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import type { PlaylistsDeps } from './deps';
import { Description, MAX_PLAYLISTS, MAX_VIDEOS, Name, TooManyPlaylists, VideoId, Visibility } from './model';
import { evenPositions } from './rules';
import * as store from './store';

/** A playlist may have a thousand videos: 100 KB. */
const PAGE_SIZE = 20;

const PlaylistRecord = Type.Object({
  id: Uuid,
  name: Name,
  description: Description,
  visibility: Visibility,
  version: Type.Integer({ minimum: 1, maximum: 4_000_000_000 }),
  created_at: Timestamp,
  updated_at: Timestamp,
  videos: Type.Array(Type.Object({ video_id: VideoId, added_at: Timestamp }), { maxItems: MAX_VIDEOS }),
});

/** The data of people in this service. */
export const playlistsPortability = ({ database }: Pick<PlaylistsDeps, 'database'>) =>
  portabilityGrpc([
    {
      name: 'playlists',
      async exportPage(ownerId, cursor) {
        const rows = await store.listPlaylists(database, {
          ownerId,
          publicOnly: false,
          beforeId: cursor ?? null,
          limit: PAGE_SIZE,
        });
        const records: { id: string; record: ExportedRecord }[] = [];
        for (const row of rows) records.push({ id: row.id, record: await recordOf(database, row) });
        return exportedPage(records, {
          limit: PAGE_SIZE,
          key: ({ id }) => id,
          record: ({ record }) => record,
        });
      },
      // The videos may be unknown here, as after their deletion.
      importRecord: (record) => importPlaylist(database, record),
    },
  ]);

async function recordOf(database: Database, playlist: store.PlaylistRow): Promise<ExportedRecord> {
  const videos = await store.listVideos(database, playlist.id);
  return {
    data: {
      id: playlist.id,
      name: playlist.name,
      description: playlist.description,
      visibility: playlist.visibility,
      version: playlist.version,
      created_at: playlist.createdAt.toISOString(),
      updated_at: playlist.updatedAt.toISOString(),
      videos: videos.map(({ videoId, addedAt }) => ({ video_id: videoId, added_at: addedAt.toISOString() })),
    },
  };
}

async function importPlaylist(
  database: Database,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const { id, visibility, version, videos, ...record } = validated(PlaylistRecord, data);
  const addedAt = new Map(videos.map((video) => [video.video_id, pastTime(video.added_at)]));
  if (addedAt.size < videos.length) throw new RecordInvalid();
  return inTransaction(database, async (transaction) => {
    const existing = await store.lockPlaylist(transaction, id);
    if (existing !== undefined && existing.ownerId !== userId) throw new IdTaken();
    if (existing !== undefined) return 'exists';
    if ((await store.incrementCount(transaction, userId)) > MAX_PLAYLISTS) throw new TooManyPlaylists();
    await store.insertPlaylist(transaction, {
      id,
      ownerId: userId,
      name: normalizeText(record.name),
      description: normalizeText(record.description),
      visibility,
      version,
      videosCount: videos.length,
      createdAt: pastTime(record.created_at),
      updatedAt: pastTime(record.updated_at),
    });
    const rows = evenPositions([...addedAt.keys()]).map((row) => ({
      ...row,
      addedAt: addedAt.get(row.videoId) ?? new Date(),
    }));
    await store.insertVideos(transaction, id, rows);
    return 'imported';
  });
}
