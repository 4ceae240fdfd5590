import { ValidationFailed } from '#kit/errors/problem';
import {
  type NewVideos,
  OtherVideos,
  type PlaylistWithVideos,
  type Reordering,
  TooManyVideos,
  VIDEOS_EACH,
  VideoAlreadyThere,
  VideoNotThere,
} from './model';
import { insertAt, moveTo, type Placed, rearrange } from './rules';
import { changePlaylist, mustBeChangeable, type PlaylistsDeps, type Target } from './service';
import * as store from './store';

export async function addVideos(
  deps: PlaylistsDeps,
  target: Target,
  input: NewVideos,
): Promise<PlaylistWithVideos> {
  const ids = idsIn(input);
  await mustBeChangeable(deps, target);
  // Before the transaction: a slow answer must not hold a lock.
  await deps.videos.mustExist(ids);
  return changePlaylist(deps, target, async (transaction) => {
    const order = await store.listVideos(transaction, target.id);
    if (order.some(({ videoId }) => ids.includes(videoId))) throw new VideoAlreadyThere();
    if (order.length + ids.length > VIDEOS_EACH) throw new TooManyVideos();
    await store.placeVideos(transaction, target.id, insertAt(order, ids, input.position ?? order.length));
    return {};
  });
}

export const removeVideo = (deps: PlaylistsDeps, target: Target, videoId: string) =>
  changePlaylist(deps, target, async (transaction) => {
    if (!(await store.removeVideo(transaction, target.id, videoId))) throw new VideoNotThere();
    return {};
  });

/** Moves one video, or brings all into a new order. Writes the videos that move, and no other. */
export const reorder = (deps: PlaylistsDeps, target: Target, input: Reordering) =>
  changePlaylist(deps, target, async (transaction) => {
    const order = await store.listVideos(transaction, target.id);
    await store.placeVideos(transaction, target.id, moves(order, input));
    return {};
  });

function moves(order: readonly Placed[], { video_id, position, video_ids }: Reordering): Placed[] {
  if (video_ids !== undefined && video_id === undefined && position === undefined) {
    const wanted = new Set(video_ids);
    if (wanted.size !== order.length || !order.every(({ videoId }) => wanted.has(videoId)))
      throw new OtherVideos();
    return rearrange(order, video_ids);
  }
  if (video_ids !== undefined || video_id === undefined || position === undefined)
    throw new ValidationFailed({
      errors: [{ field: 'video_id', message: 'Either video_id and position, or video_ids' }],
    });
  if (!order.some((placed) => placed.videoId === video_id)) throw new VideoNotThere();
  return moveTo(order, video_id, position);
}

function idsIn({ video_id, video_ids }: NewVideos): string[] {
  if ((video_id === undefined) === (video_ids === undefined))
    throw new ValidationFailed({ errors: [{ field: 'video_id', message: 'Either video_id or video_ids' }] });
  return video_ids ?? (video_id === undefined ? [] : [video_id]);
}
