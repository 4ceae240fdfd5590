import { withTimeout } from '#kit/core/runtime';
import { LIKES_DEADLINE_MS, type LikedPosts } from '../cache/likes';
import type { TimelinesDeps } from '../deps';
import type { Likes } from './view';

type LikesDeps = Pick<TimelinesDeps, 'caches' | 'likes' | 'runtime'>;

/** While the likes service is unavailable. */
export const UNKNOWN_LIKES: Likes = { count: null, isLiked: undefined };

/**
 * The likes of posts of which none is a plain repost, in the order of the ids. Optional: what the likes service does not
 * tell in time is unknown.
 */
export async function findLikes(
  deps: LikesDeps,
  viewerId: string | null,
  ids: readonly string[],
): Promise<Likes[]> {
  const [counts, liked] = await Promise.all([findCounts(deps, ids), findLiked(deps, viewerId, ids)]);
  return ids.map((id, index) => {
    const count = counts[index];
    if (liked === undefined) return { count: count ?? null, isLiked: undefined };
    const isOwnPending = liked.pending.has(id);
    return {
      count: count === undefined ? null : count + (isOwnPending ? 1 : 0),
      isLiked: isOwnPending || liked.ids.has(id),
    };
  });
}

async function findCounts(deps: LikesDeps, ids: readonly string[]): Promise<readonly (number | undefined)[]> {
  const { likeCounts } = deps.caches;
  const known = ids.map((id) => likeCounts.peek(id));
  if (!known.includes(undefined)) return known;
  try {
    return await inTime(likeCounts.find(ids));
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'likes is unavailable; counts omitted');
    return known;
  }
}

/** What the viewer likes among the posts; undefined when it is not known. */
async function findLiked(
  deps: LikesDeps,
  viewerId: string | null,
  ids: readonly string[],
): Promise<Pick<LikedPosts, 'ids' | 'pending'> | undefined> {
  if (viewerId === null || ids.length === 0) return undefined;
  try {
    const { likedPosts } = deps.caches;
    const known = likedPosts.peek(viewerId) ?? (await inTime(likedPosts.get(viewerId)));
    if (known === undefined) return undefined;
    const older = ids.filter((id) => !known.ids.has(id) && Number(id) < known.completeFrom);
    if (older.length === 0) return known;
    return { ids: known.ids.union(await likedAmong(deps, viewerId, older)), pending: known.pending };
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'likes is unavailable; likes of the viewer omitted');
    return undefined;
  }
}

/** Posts older than the likes that are remembered of a viewer with very many. */
async function likedAmong(
  { likes }: LikesDeps,
  viewerId: string,
  ids: readonly string[],
): Promise<LikedPosts['ids']> {
  const request = { post_ids: [...ids], viewer_id: viewerId, originals_only: true };
  const { counts } = await likes.getCounts(request, { deadlineMs: LIKES_DEADLINE_MS });
  return new Set(counts.filter((each) => each.liked_by_viewer).map((each) => each.post_id));
}

/** Many callers may wait for the loads of others before theirs. */
const inTime = <Value>(found: Promise<Value>): Promise<Value> =>
  withTimeout(found, LIKES_DEADLINE_MS, 'reading likes');
