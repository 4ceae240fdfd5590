import { and, asc, count, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import type { VideoPosition } from './rules';
import { owners, playlists, playlistVideos } from './schema';

export type PlaylistRow = typeof playlists.$inferSelect;
export type VideoRow = VideoPosition & { readonly addedAt: Date };

/** Increments the number of an owner's playlists. Their row stays locked until the transaction ends. */
export async function incrementCount(transaction: Transaction, ownerId: string): Promise<number> {
  await transaction
    .insert(owners)
    .values({ id: ownerId, playlistsCount: 1 })
    .onDuplicateKeyUpdate({ set: { playlistsCount: sql`${owners.playlistsCount} + 1` } });
  const [owner] = await transaction.select().from(owners).where(eq(owners.id, ownerId));
  return owner?.playlistsCount ?? 0;
}

/** @param playlist.version 1 when unset, and the times now; an imported playlist has its own, and its videos follow */
export async function insertPlaylist(
  transaction: Transaction,
  playlist: Pick<PlaylistRow, 'id' | 'ownerId' | 'name' | 'description' | 'visibility'> &
    Partial<Pick<PlaylistRow, 'createdAt' | 'updatedAt' | 'version' | 'videosCount'>>,
): Promise<void> {
  await transaction
    .insert(playlists)
    .values({ version: 1, videosCount: 0, createdAt: DATABASE_NOW, updatedAt: DATABASE_NOW, ...playlist });
}

/** Adds the videos of an imported playlist, with the times at which they were added. */
export async function insertVideos(
  transaction: Transaction,
  playlistId: string,
  rows: readonly VideoRow[],
): Promise<void> {
  if (rows.length > 0)
    await transaction.insert(playlistVideos).values(rows.map((row) => ({ playlistId, ...row })));
}

export async function findPlaylist(executor: Executor, id: string): Promise<PlaylistRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(playlists).where(eq(playlists.id, id));
  return row;
}

/** Locks a playlist and its videos until the transaction ends. */
export async function lockPlaylist(transaction: Transaction, id: string): Promise<PlaylistRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await transaction.select().from(playlists).where(eq(playlists.id, id)).for('update');
  return row;
}

/** Playlists of an owner, newest first. */
export async function listPlaylists(
  database: Database,
  request: { ownerId: string; publicOnly: boolean; beforeId: string | null; limit: number },
): Promise<PlaylistRow[]> {
  const { ownerId, publicOnly, beforeId, limit } = request;
  return database
    .select()
    .from(playlists)
    .where(
      and(
        eq(playlists.ownerId, ownerId),
        publicOnly ? eq(playlists.visibility, 'public') : undefined,
        beforeId === null ? undefined : lt(playlists.id, beforeId),
      ),
    )
    .orderBy(desc(playlists.id))
    .limit(limit);
}

/** Updates properties and the video count, and increments the version. */
export async function updatePlaylist(
  transaction: Transaction,
  id: string,
  change: Partial<Pick<PlaylistRow, 'name' | 'description' | 'visibility'>>,
): Promise<void> {
  const [videos] = await transaction
    .select({ count: count() })
    .from(playlistVideos)
    .where(eq(playlistVideos.playlistId, id));
  await transaction
    .update(playlists)
    .set({
      ...change,
      videosCount: videos?.count ?? 0,
      version: sql`${playlists.version} + 1`,
      updatedAt: DATABASE_NOW,
    })
    .where(eq(playlists.id, id));
}

export async function deletePlaylist(transaction: Transaction, playlist: PlaylistRow): Promise<void> {
  await transaction.delete(playlistVideos).where(eq(playlistVideos.playlistId, playlist.id));
  await transaction.delete(playlists).where(eq(playlists.id, playlist.id));
  await transaction
    .update(owners)
    .set({ playlistsCount: sql`${owners.playlistsCount} - 1` })
    .where(eq(owners.id, playlist.ownerId));
}

export async function deletePlaylistsOf(transaction: Transaction, ownerId: string): Promise<void> {
  const owned = transaction
    .select({ id: playlists.id })
    .from(playlists)
    .where(eq(playlists.ownerId, ownerId));
  await transaction.delete(playlistVideos).where(inArray(playlistVideos.playlistId, owned));
  await transaction.delete(playlists).where(eq(playlists.ownerId, ownerId));
  await transaction.delete(owners).where(eq(owners.id, ownerId));
}

/** Videos of a playlist in order. */
export async function listVideos(executor: Executor, playlistId: string): Promise<VideoRow[]> {
  return executor
    .select({
      videoId: playlistVideos.videoId,
      position: playlistVideos.position,
      addedAt: playlistVideos.addedAt,
    })
    .from(playlistVideos)
    .where(eq(playlistVideos.playlistId, playlistId))
    .orderBy(asc(playlistVideos.position));
}

/** Adds videos, and updates the position of those already in the playlist. */
export async function upsertVideos(
  transaction: Transaction,
  playlistId: string,
  rows: readonly VideoPosition[],
): Promise<void> {
  if (rows.length === 0) return;
  await transaction
    .insert(playlistVideos)
    .values(rows.map(({ videoId, position }) => ({ playlistId, videoId, position, addedAt: DATABASE_NOW })))
    .onDuplicateKeyUpdate({ set: { position: sql`values(${sql.identifier('position')})` } });
}

/** @returns false when the video was not in the playlist */
export async function deleteVideo(
  transaction: Transaction,
  playlistId: string,
  videoId: string,
): Promise<boolean> {
  const [result] = await transaction
    .delete(playlistVideos)
    .where(and(eq(playlistVideos.playlistId, playlistId), eq(playlistVideos.videoId, videoId)));
  return result.affectedRows > 0;
}

/** Copies the videos of one playlist to another, in the same order. */
export async function copyVideos(transaction: Transaction, fromId: string, toId: string): Promise<void> {
  await upsertVideos(transaction, toId, await listVideos(transaction, fromId));
}
