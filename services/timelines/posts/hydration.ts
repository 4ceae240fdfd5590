import type { TimelinesDeps } from '../deps';
import type { Post } from '../model';
import * as store from './read-store';
import { type Likes, viewOf } from './view';
import { isVisible, type PostFilter } from './visibility';

/** Like counts are optional: a page waits no longer for them. */
const LIKES_DEADLINE_MS = 250;

/**
 * Reads the posts with these ids that pass the filter, in the order of the ids. A repost is omitted when its original
 * does not exist or is not visible.
 */
export async function readVisible(
  deps: TimelinesDeps,
  viewerId: string | null,
  ids: readonly string[],
  filter: PostFilter = (post) => isVisible(post, viewerId),
): Promise<store.PostRow[]> {
  if (ids.length === 0) return [];
  const found = await store.findPosts(deps.database, ids, viewerId);
  const posts = ids.flatMap((id) => found.get(id) ?? []).filter(filter);
  const originalIds = [...new Set(posts.flatMap((post) => post.repostOf ?? []))];
  if (originalIds.length === 0) return posts;
  const originals = await store.findPosts(deps.database, originalIds, viewerId);
  return posts.filter(({ repostOf }) => {
    if (repostOf === null) return true;
    const original = originals.get(repostOf);
    // Muted authors are not shown through reposts either.
    return original !== undefined && isVisible(original, viewerId) && !original.muted;
  });
}

/** The views of posts; mentions and likes are read in one batch each. */
export async function hydrate(
  deps: TimelinesDeps,
  viewerId: string | null,
  posts: readonly store.PostRow[],
): Promise<Post[]> {
  const ids = posts.map((post) => post.id);
  const withMentions = posts.filter((post) => post.text.includes('@')).map((post) => post.id);
  const [mentions, likes] = await Promise.all([
    store.findMentions(deps.database, withMentions),
    findLikes(deps, viewerId, ids),
  ]);
  return posts.map((post) =>
    viewOf(post, {
      mentions: mentions.get(post.id) ?? [],
      likes: likes?.get(post.id) ?? null,
      viewerId,
    }),
  );
}

/** @returns undefined when the likes service does not respond in time: the page is sent without counts */
async function findLikes(
  deps: TimelinesDeps,
  viewerId: string | null,
  ids: readonly string[],
): Promise<Map<string, Likes> | undefined> {
  if (ids.length === 0) return undefined;
  try {
    const request = { post_ids: [...ids], viewer_id: viewerId ?? undefined };
    const { counts } = await deps.likes.getCounts(request, { deadlineMs: LIKES_DEADLINE_MS });
    return new Map(counts.map((likes) => [likes.post_id, likes]));
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'likes is unavailable; counts omitted');
    return undefined;
  }
}
