import { timeOfId } from '#kit/core/ids';
import type { Post } from './model';
import { isVisible, type Sight } from './rules';
import type { TimelinesDeps } from './service';
import * as store from './store';

/** A page is not kept waiting for its hearts. */
const LIKES_DEADLINE_MS = 250;

/** Which of these posts somebody gets to see; `isVisible` unless a list holds back more. */
export type Filter = (post: Sight) => boolean;

/**
 * The posts among these ids that pass the filter, in the order of the ids. A repost whose original does not exist or
 * pass is left out with it.
 */
export async function readVisible(
  deps: TimelinesDeps,
  ids: readonly string[],
  viewerId: string | null,
  filter: Filter = (post) => isVisible(post, viewerId),
): Promise<store.PostRow[]> {
  if (ids.length === 0) return [];
  const found = await store.findPosts(deps.database, ids, viewerId);
  const shown = ids.flatMap((id) => found.get(id) ?? []).filter(filter);
  const originalIds = [...new Set(shown.flatMap((post) => post.repostOf ?? []))];
  if (originalIds.length === 0) return shown;
  const originals = await store.findPosts(deps.database, originalIds, viewerId);
  return shown.filter(({ repostOf }) => {
    if (repostOf === null) return true;
    const original = originals.get(repostOf);
    // Whom one has muted is not seen through somebody else either.
    return original !== undefined && isVisible(original, viewerId) && !original.muted;
  });
}

/** Posts as they are answered, with mentions and likes, each asked for once for all of them. */
export async function viewsOf(
  deps: TimelinesDeps,
  posts: readonly store.PostRow[],
  viewerId: string | null,
): Promise<Post[]> {
  const withMentions = posts.filter((post) => post.text.includes('@')).map((post) => post.id);
  const [mentioned, likes] = await Promise.all([
    store.findMentioned(deps.database, withMentions),
    findLikes(
      deps,
      posts.map((post) => post.id),
      viewerId,
    ),
  ]);
  return posts.map((post) =>
    viewOf(post, mentioned.get(post.id) ?? [], likes?.get(post.id) ?? null, viewerId),
  );
}

interface Likes {
  readonly count: number;
  readonly liked_by_viewer: boolean;
}

/** Undefined when the likes service does not answer in time: a page without counts is better than none. */
async function findLikes(
  deps: TimelinesDeps,
  ids: readonly string[],
  viewerId: string | null,
): Promise<Map<string, Likes> | undefined> {
  if (ids.length === 0) return undefined;
  try {
    const request = { post_ids: [...ids], viewer_id: viewerId ?? undefined };
    const { counts } = await deps.likes.getCounts(request, { deadlineMs: LIKES_DEADLINE_MS });
    return new Map(counts.map((likes) => [likes.post_id, likes]));
  } catch (failure) {
    deps.runtime.log.debug({ err: failure }, 'likes did not answer: the counts are left out');
    return undefined;
  }
}

export const viewOf = (
  post: store.PostRow,
  mentions: Post['mentions'],
  likes: Likes | null,
  viewerId: string | null,
): Post => ({
  id: post.id,
  author: {
    id: post.authorId,
    username: post.username,
    display_name: post.displayName,
    avatar_url: post.avatarUrl,
  },
  text: post.text,
  created_at: timeOfId(post.id).toISOString(),
  ...(post.replyTo !== null && { reply_to: post.replyTo }),
  ...(post.rootId !== null && { root_id: post.rootId }),
  ...(post.repostOf !== null && { repost_of: post.repostOf }),
  mentions,
  hashtags: post.hashtags,
  media: post.mediaIds.map((id) => ({ id })),
  ...(post.pollId !== null && { poll_id: post.pollId }),
  likes_count: likes?.count ?? null,
  replies_count: post.repliesCount,
  reposts_count: post.repostsCount,
  ...(viewerId !== null && likes !== null && { liked_by_me: likes.liked_by_viewer }),
  visibility: post.visibility,
});
