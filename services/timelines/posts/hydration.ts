import type { TimelinesDeps } from '../deps';
import type { Post } from '../model';
import { findFiles } from './attachments';
import * as store from './read-store';
import { isPlainRepost, originalIdOf } from './reposts';
import { type Likes, viewOf } from './view';
import { isVisible, type PostFilter } from './visibility';

/** Like counts are optional: a page waits no longer for them. */
const LIKES_DEADLINE_MS = 250;

/**
 * Reads the posts with these ids that pass the filter, in the order of the ids. A plain repost is omitted when its
 * original does not exist or is not visible; a quote is not.
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
  const originals = await findShown(deps, viewerId, referencesOf(posts.filter(isPlainRepost)));
  return posts.filter((post) => !isPlainRepost(post) || originals.has(post.repostOf ?? ''));
}

const referencesOf = (posts: readonly store.PostRow[]): string[] => [
  ...new Set(posts.flatMap((post) => post.repostOf ?? [])),
];

/** Those of the posts that others refer to which the viewer may see; muted authors are not shown through them either. */
export async function findShown(
  deps: TimelinesDeps,
  viewerId: string | null,
  ids: readonly string[],
): Promise<Map<string, store.PostRow>> {
  if (ids.length === 0) return new Map();
  const found = await store.findPosts(deps.database, ids, viewerId);
  return new Map([...found].filter(([, post]) => isVisible(post, viewerId) && !post.muted));
}

/** The views of posts; mentions, likes, referenced posts and files are read in one batch each. A plain repost has its original's counts. */
export async function hydrate(
  deps: TimelinesDeps,
  viewerId: string | null,
  posts: readonly store.PostRow[],
): Promise<Post[]> {
  const likedIds = [...new Set(posts.map(originalIdOf))];
  const withMentions = posts.filter((post) => post.text.includes('@')).map((post) => post.id);
  const fileIds = [...new Set(posts.flatMap((post) => post.mediaIds))];
  const [mentions, likes, referenced, files] = await Promise.all([
    store.findMentions(deps.database, withMentions),
    findLikes(deps, viewerId, likedIds),
    findShown(deps, viewerId, referencesOf(posts)),
    findFiles(deps, fileIds),
  ]);
  return posts.map((post) =>
    viewOf(post, {
      mentions: mentions.get(post.id) ?? [],
      likes: likes?.get(originalIdOf(post)) ?? null,
      files,
      quoted: referenced.get(post.repostOf ?? ''),
      counts: referenced.get(originalIdOf(post)) ?? post,
      viewerId,
    }),
  );
}

/** @returns undefined when the likes service does not respond in time: the page is sent without counts */
export async function findLikes(
  deps: TimelinesDeps,
  viewerId: string | null,
  ids: readonly string[],
): Promise<Map<string, Likes> | undefined> {
  if (ids.length === 0) return undefined;
  try {
    const request = { post_ids: [...ids], viewer_id: viewerId ?? undefined, originals_only: true };
    const { counts } = await deps.likes.getCounts(request, { deadlineMs: LIKES_DEADLINE_MS });
    return new Map(counts.map((likes) => [likes.post_id, likes]));
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'likes is unavailable; counts omitted');
    return undefined;
  }
}
