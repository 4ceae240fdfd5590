import type { Caller } from '#kit/auth/caller';
import { ValidationFailed } from '#kit/errors/problem';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import type { PlaylistsDeps } from './deps';
import {
  MAX_VIDEOS,
  type NewVideos,
  OrderMismatch,
  type PlaylistWithVideos,
  type Reordering,
  TooManyVideos,
  VideoAlreadyInPlaylist,
  VideoNotInPlaylist,
} from './model';
import { insertAt, moveTo, reorderTo, type VideoPosition } from './rules';
import { changePlaylist, changeWithin, createdResponse, requireChangeable, type Target } from './service';
import * as store from './store';

export async function addVideos(
  deps: PlaylistsDeps,
  caller: Caller,
  { key, ...target }: Target & { key: RequestKey },
  input: NewVideos,
): Promise<StoredResponse<PlaylistWithVideos>> {
  const ids = idsIn(input);
  const request = { ...key, caller: caller.id, body: { playlist: target.id, ...input } };
  return idempotent(deps.database, request, async () => {
    await requireChangeable(deps, caller, target);
    // Before the transaction: a slow response must not hold a lock.
    await deps.videos.requireAll(ids);
    return async (transaction) =>
      createdResponse(
        await changeWithin(transaction, caller, target, async () => {
          const order = await store.listVideos(transaction, target.id);
          if (order.some(({ videoId }) => ids.includes(videoId))) throw new VideoAlreadyInPlaylist();
          if (order.length + ids.length > MAX_VIDEOS)
            throw new TooManyVideos({ detail: 'A playlist can hold at most 1,000 videos.' });
          const rows = insertAt(order, ids, input.position ?? order.length);
          await store.upsertVideos(transaction, target.id, rows);
          return {};
        }),
      );
  });
}

export const removeVideo = (deps: PlaylistsDeps, caller: Caller, target: Target, videoId: string) =>
  changePlaylist(deps, caller, target, async (transaction) => {
    if (!(await store.deleteVideo(transaction, target.id, videoId))) throw new VideoNotInPlaylist();
    return {};
  });

/** Moves one video, or reorders all. Writes only the rows whose position changes. */
export const reorder = (deps: PlaylistsDeps, caller: Caller, target: Target, input: Reordering) =>
  changePlaylist(deps, caller, target, async (transaction) => {
    const order = await store.listVideos(transaction, target.id);
    await store.upsertVideos(transaction, target.id, changedPositions(order, input));
    return {};
  });

function changedPositions(
  order: readonly VideoPosition[],
  { video_id, position, video_ids }: Reordering,
): VideoPosition[] {
  if (video_ids !== undefined && video_id === undefined && position === undefined) {
    const wanted = new Set(video_ids);
    if (wanted.size !== order.length || !order.every(({ videoId }) => wanted.has(videoId)))
      throw new OrderMismatch({ detail: 'List each video of the playlist once; read the playlist again.' });
    return reorderTo(order, video_ids);
  }
  if (video_ids !== undefined || video_id === undefined || position === undefined)
    throw new ValidationFailed({
      errors: [{ field: 'video_id', message: 'Either video_id and position, or video_ids' }],
    });
  if (!order.some(({ videoId }) => videoId === video_id)) throw new VideoNotInPlaylist();
  return moveTo(order, video_id, position);
}

function idsIn({ video_id, video_ids }: NewVideos): string[] {
  if ((video_id === undefined) === (video_ids === undefined))
    throw new ValidationFailed({ errors: [{ field: 'video_id', message: 'Either video_id or video_ids' }] });
  return video_ids ?? (video_id === undefined ? [] : [video_id]);
}
