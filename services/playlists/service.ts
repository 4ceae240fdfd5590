import { BEARER_CHALLENGE } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden, Unauthenticated } from '#kit/errors/problem';
import { requireIfMatch } from '#kit/http/conditional';
import { etagOfVersion } from '#kit/http/etag';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { checkedPages } from '#kit/http/lists/checked-pages';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery } from '#kit/http/lists/pagination';
import { type Executor, inTransaction, type Transaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import type { PlaylistsDeps } from './deps';
import {
  MAX_PLAYLISTS,
  NAME_LIMITS,
  type NewPlaylist,
  Playlist,
  type PlaylistCopy,
  PlaylistNotFound,
  type PlaylistProperties,
  type PlaylistQuery,
  type PlaylistUpdate,
  type PlaylistWithVideos,
  TooManyPlaylists,
} from './model';
import { copyNameOf, evenPositions } from './rules';
import * as store from './store';

const playlistPages = checkedPages(Playlist);

/** The playlist to change, and the version the client has read (`If-Match`); without one any version matches. */
export interface Target {
  readonly id: string;
  readonly ifMatch: string | undefined;
}

export async function createPlaylist(
  deps: PlaylistsDeps,
  caller: Caller,
  key: RequestKey,
  input: NewPlaylist,
): Promise<StoredResponse<PlaylistWithVideos>> {
  const { video_ids = [], ...properties } = input;
  return idempotent(deps.database, { ...key, caller: caller.id, body: input }, async () => {
    await deps.videos.requireAll(video_ids);
    return async (transaction) => {
      const id = await insertPlaylist(transaction, caller, withDefaults(properties));
      await store.upsertVideos(transaction, id, evenPositions(video_ids));
      if (video_ids.length > 0) await store.updatePlaylist(transaction, id, {});
      return createdResponse(await readView(transaction, id));
    };
  });
}

/** Copies a playlist that the caller may read, with its videos in order. The copy is private by default. */
export async function duplicatePlaylist(
  deps: PlaylistsDeps,
  caller: Caller,
  { id, key }: { id: string; key: RequestKey },
  input: PlaylistCopy,
): Promise<StoredResponse<PlaylistWithVideos>> {
  const body = { of: id, ...input };
  return idempotent(deps.database, { ...key, caller: caller.id, body }, async () => {
    const original = await requirePlaylist(deps.database, caller, id);
    return async (transaction) => {
      const copyId = await insertPlaylist(transaction, caller, {
        name: input.name === undefined ? copyNameOf(original.name, NAME_LIMITS) : normalizeText(input.name),
        description: original.description,
        visibility: input.visibility ?? 'private',
      });
      await store.copyVideos(transaction, id, copyId);
      await store.updatePlaylist(transaction, copyId, {});
      return createdResponse(await readView(transaction, copyId));
    };
  });
}

/** The viewer's own playlists, or the public ones of `query.owner`. */
export async function listPlaylists(
  deps: PlaylistsDeps,
  viewer: Caller | null,
  query: PlaylistQuery,
): Promise<Page<Playlist>> {
  const ownerId = query.owner ?? viewer?.id;
  if (ownerId === undefined)
    throw new Unauthenticated({
      detail: 'Send an access token to list your own playlists, or set owner.',
      headers: BEARER_CHALLENGE,
    });
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listPlaylists(deps.database, {
    ownerId,
    publicOnly: ownerId !== viewer?.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return playlistPages(rows, limit, { keyOf: ({ id }) => [id], toItem: viewOf, log: deps.runtime.log });
}

/** @throws PlaylistNotFound, also for a private playlist of another user */
export async function readPlaylist(
  deps: PlaylistsDeps,
  viewer: Caller | null,
  id: string,
): Promise<PlaylistWithVideos> {
  // Both reads in one transaction, so that the videos match the version in the ETag.
  return inTransaction(deps.database, async (transaction) =>
    withVideos(transaction, await requirePlaylist(transaction, viewer, id)),
  );
}

export const replacePlaylist = (
  deps: PlaylistsDeps,
  caller: Caller,
  target: Target,
  input: PlaylistProperties,
) => changePlaylist(deps, caller, target, async () => withDefaults(input));

export const updatePlaylist = (deps: PlaylistsDeps, caller: Caller, target: Target, input: PlaylistUpdate) =>
  changePlaylist(deps, caller, target, async () => ({
    ...input,
    ...(input.name !== undefined && { name: normalizeText(input.name) }),
    ...(input.description !== undefined && { description: normalizeText(input.description) }),
  }));

export async function deletePlaylist(deps: PlaylistsDeps, caller: Caller, target: Target): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await store.deletePlaylist(transaction, await lockOwned(transaction, caller, target));
  });
}

/**
 * Changes a playlist or its videos under a lock, and increments its version.
 *
 * @param change writes changes of the videos, and returns changed properties of the playlist
 * @throws PlaylistNotFound, Forbidden
 * @throws VersionConflict when `target.ifMatch` is not the current version
 */
export function changePlaylist(
  deps: PlaylistsDeps,
  caller: Caller,
  target: Target,
  change: (transaction: Transaction) => Promise<PlaylistUpdate>,
): Promise<PlaylistWithVideos> {
  return inTransaction(deps.database, (transaction) => changeWithin(transaction, caller, target, change));
}

/** Like `changePlaylist`, in a transaction of the caller. */
export async function changeWithin(
  transaction: Transaction,
  caller: Caller,
  target: Target,
  change: (transaction: Transaction) => Promise<PlaylistUpdate>,
): Promise<PlaylistWithVideos> {
  await lockOwned(transaction, caller, target);
  await store.updatePlaylist(transaction, target.id, await change(transaction));
  return readView(transaction, target.id);
}

/** The checks of `changePlaylist` without its lock, for use before a call to another service. */
export async function requireChangeable(deps: PlaylistsDeps, caller: Caller, target: Target): Promise<void> {
  requireOwned(await store.findPlaylist(deps.database, target.id), caller, target);
}

const lockOwned = async (
  transaction: Transaction,
  caller: Caller,
  target: Target,
): Promise<store.PlaylistRow> =>
  requireOwned(await store.lockPlaylist(transaction, target.id), caller, target);

function requireOwned(
  playlist: store.PlaylistRow | undefined,
  caller: Caller,
  { ifMatch }: Target,
): store.PlaylistRow {
  if (!isVisible(playlist, caller)) throw new PlaylistNotFound();
  if (playlist.ownerId !== caller.id)
    throw new Forbidden({ detail: 'Only the owner may change a playlist.' });
  requireIfMatch(ifMatch, playlist.version);
  return playlist;
}

async function requirePlaylist(
  executor: Executor,
  viewer: Caller | null,
  id: string,
): Promise<store.PlaylistRow> {
  const playlist = await store.findPlaylist(executor, id);
  if (!isVisible(playlist, viewer)) throw new PlaylistNotFound();
  return playlist;
}

const isVisible = (
  playlist: store.PlaylistRow | undefined,
  viewer: Caller | null,
): playlist is store.PlaylistRow =>
  playlist !== undefined && (playlist.visibility !== 'private' || playlist.ownerId === viewer?.id);

async function insertPlaylist(
  transaction: Transaction,
  owner: Caller,
  properties: Required<PlaylistProperties>,
): Promise<string> {
  if ((await store.incrementCount(transaction, owner.id)) > MAX_PLAYLISTS)
    throw new TooManyPlaylists({ detail: 'A user can have at most 500 playlists.' });
  const id = uuidv7();
  await store.insertPlaylist(transaction, { id, ownerId: owner.id, ...properties });
  return id;
}

const withDefaults = ({ name, description = '', visibility = 'private' }: PlaylistProperties) => ({
  name: normalizeText(name),
  description: normalizeText(description),
  visibility,
});

/** The response with which a playlist, or what was added to it, is created. */
export const createdResponse = (playlist: PlaylistWithVideos): StoredResponse<PlaylistWithVideos> => ({
  status: 201,
  headers: { location: `/playlists/${playlist.id}`, etag: etagOfVersion(playlist.version) },
  body: playlist,
});

async function readView(transaction: Transaction, id: string): Promise<PlaylistWithVideos> {
  const playlist = await store.findPlaylist(transaction, id);
  if (playlist === undefined) throw new PlaylistNotFound();
  return withVideos(transaction, playlist);
}

async function withVideos(
  transaction: Transaction,
  playlist: store.PlaylistRow,
): Promise<PlaylistWithVideos> {
  const videos = await store.listVideos(transaction, playlist.id);
  return {
    ...viewOf(playlist),
    videos: videos.map(({ videoId, addedAt }) => ({ video_id: videoId, added_at: addedAt.toISOString() })),
  };
}

const viewOf = (playlist: store.PlaylistRow): Playlist => ({
  id: playlist.id,
  owner_id: playlist.ownerId,
  name: playlist.name,
  description: playlist.description,
  visibility: playlist.visibility,
  version: playlist.version,
  videos_count: playlist.videosCount,
  created_at: playlist.createdAt.toISOString(),
  updated_at: playlist.updatedAt.toISOString(),
});
