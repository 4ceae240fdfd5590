import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { Forbidden, Unauthenticated } from '#kit/errors/problem';
import { requireIfMatch } from '#kit/http/conditional';
import { type IdempotentRequest, idempotent, type StoredResponse } from '#kit/http/idempotency';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { type Database, type Executor, inTransaction, type Transaction } from '#kit/mysql/database';
import {
  type Copy,
  type NewPlaylist,
  PLAYLISTS_EACH,
  type Playlist,
  type PlaylistChange,
  PlaylistNotFound,
  type PlaylistQuery,
  type PlaylistWithVideos,
  TooManyPlaylists,
  type WholePlaylist,
} from './model';
import { spreadEvenly } from './rules';
import * as store from './store';
import type { Videos } from './videos';

export interface PlaylistsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly videos: Videos;
}

/** What a request says of itself besides its body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/** Which playlist is changed, by whom, and which version of it they have read. */
export interface Target {
  readonly id: string;
  readonly caller: Caller;
  readonly ifMatch: string | undefined;
}

const LONGEST_NAME = 200;
const COPY_SUFFIX = ' (copy)';

export async function createPlaylist(
  deps: PlaylistsDeps,
  caller: Caller,
  input: NewPlaylist,
  request: RequestKey,
): Promise<StoredResponse<PlaylistWithVideos>> {
  const { video_ids = [], ...properties } = input;
  return idempotent(deps.database, { ...request, caller: caller.id, body: input }, async () => {
    await deps.videos.mustExist(video_ids);
    return async (transaction) => {
      const id = await insert(transaction, caller, wholeOf(properties));
      await store.placeVideos(transaction, id, spreadEvenly(video_ids));
      if (video_ids.length > 0) await store.updatePlaylist(transaction, id, {});
      return createdAnswer(await viewWithVideos(transaction, id));
    };
  });
}

/** A copy of a playlist the caller may see, with its videos in their order. It is private unless they say otherwise. */
export async function duplicatePlaylist(
  deps: PlaylistsDeps,
  caller: Caller,
  id: string,
  input: Copy,
  request: RequestKey,
): Promise<StoredResponse<PlaylistWithVideos>> {
  const body = { of: id, ...input };
  return idempotent(deps.database, { ...request, caller: caller.id, body }, async () => {
    const original = await mustSee(deps.database, id, caller);
    return async (transaction) => {
      const copyId = await insert(transaction, caller, {
        name: input.name ?? original.name.slice(0, LONGEST_NAME - COPY_SUFFIX.length) + COPY_SUFFIX,
        description: original.description,
        visibility: input.visibility ?? 'private',
      });
      await store.copyVideos(transaction, id, copyId);
      await store.updatePlaylist(transaction, copyId, {});
      return createdAnswer(await viewWithVideos(transaction, copyId));
    };
  });
}

/** One's own playlists, or somebody's public ones. */
export async function listPlaylists(
  deps: PlaylistsDeps,
  viewer: Caller | null,
  query: PlaylistQuery,
): Promise<Page<Playlist>> {
  const ownerId = query.owner ?? viewer?.id;
  if (ownerId === undefined)
    throw new Unauthenticated({
      detail: 'Sign in for your own playlists, or name an owner.',
      headers: { 'www-authenticate': 'Bearer' },
    });
  const { limit, after } = readPageQuery<[id: string]>(query, 1);
  const rows = await store.listPlaylists(deps.database, {
    ownerId,
    publicOnly: ownerId !== viewer?.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (playlist) => [playlist.id], viewOf);
}

/** @throws PlaylistNotFound, also for a private one of somebody else */
export async function readPlaylist(
  deps: PlaylistsDeps,
  viewer: Caller | null,
  id: string,
): Promise<PlaylistWithVideos> {
  // Both reads in one transaction see one state: an order never goes out under another version's ETag.
  return deps.database.transaction(async (transaction) =>
    withVideos(transaction, await mustSee(transaction, id, viewer)),
  );
}

export const replacePlaylist = (deps: PlaylistsDeps, target: Target, input: WholePlaylist) =>
  changePlaylist(deps, target, async () => wholeOf(input));

export const updatePlaylist = (deps: PlaylistsDeps, target: Target, change: PlaylistChange) =>
  changePlaylist(deps, target, async () => change);

export async function deletePlaylist(deps: PlaylistsDeps, target: Target): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await store.deletePlaylist(transaction, await mustOwn(transaction, target));
  });
}

/**
 * Changes a playlist or what is in it: one change at a time, each to the version its client has read.
 *
 * @param change makes the change to what is in it, and returns what changes of the playlist itself
 */
export function changePlaylist(
  deps: PlaylistsDeps,
  target: Target,
  change: (transaction: Transaction, playlist: store.PlaylistRow) => Promise<PlaylistChange>,
): Promise<PlaylistWithVideos> {
  return inTransaction(deps.database, async (transaction) => {
    const playlist = await mustOwn(transaction, target);
    await store.updatePlaylist(transaction, target.id, await change(transaction, playlist));
    return viewWithVideos(transaction, target.id);
  });
}

/** Before something is asked of another service: refuses what would be refused afterwards. */
export async function mustBeChangeable(deps: PlaylistsDeps, target: Target): Promise<void> {
  mustMayChange(await store.findPlaylist(deps.database, target.id), target);
}

const mustOwn = async (transaction: Transaction, target: Target): Promise<store.PlaylistRow> =>
  mustMayChange(await store.lockPlaylist(transaction, target.id), target);

function mustMayChange(
  playlist: store.PlaylistRow | undefined,
  { caller, ifMatch }: Target,
): store.PlaylistRow {
  if (!maySee(playlist, caller)) throw new PlaylistNotFound();
  if (playlist.ownerId !== caller.id) throw new Forbidden({ detail: 'Only its owner changes a playlist.' });
  requireIfMatch(ifMatch, playlist.version);
  return playlist;
}

async function mustSee(executor: Executor, id: string, viewer: Caller | null): Promise<store.PlaylistRow> {
  const playlist = await store.findPlaylist(executor, id);
  if (!maySee(playlist, viewer)) throw new PlaylistNotFound();
  return playlist;
}

const maySee = (
  playlist: store.PlaylistRow | undefined,
  viewer: Caller | null,
): playlist is store.PlaylistRow =>
  playlist !== undefined && (playlist.visibility !== 'private' || playlist.ownerId === viewer?.id);

async function insert(
  transaction: Transaction,
  owner: Caller,
  properties: Required<WholePlaylist>,
): Promise<string> {
  if ((await store.countOneMore(transaction, owner.id)) > PLAYLISTS_EACH) throw new TooManyPlaylists();
  const id = uuidv7();
  await store.insertPlaylist(transaction, { id, ownerId: owner.id, ...properties });
  return id;
}

const wholeOf = ({ name, description = '', visibility = 'private' }: WholePlaylist) => ({
  name,
  description,
  visibility,
});

const createdAnswer = (playlist: PlaylistWithVideos): StoredResponse<PlaylistWithVideos> => ({
  status: 201,
  headers: { location: `/playlists/${playlist.id}`, etag: `"${playlist.version}"` },
  body: playlist,
});

async function viewWithVideos(transaction: Transaction, id: string): Promise<PlaylistWithVideos> {
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
