import { LikeWithdrawn } from '#contracts/events/likes';
import { LikeValidate } from '#contracts/jobs/likes';
import type { Caller } from '#kit/auth/caller';
import { DependencyUnavailable } from '#kit/errors/problem';
import { encodeCursor } from '#kit/http/lists/cursor';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import type { LikesDeps } from './deps';
import type { Like, PopularQuery, PostLikes } from './model';
import { requirePostId } from './post-id';
import { redisOutboxEntry } from './redis-outbox-entry';
import * as store from './store';

const RETRY_AFTER_SECONDS = 1;
/** When most posts of a list are hidden from the viewer, it is read in this many rounds at most. */
const MAX_ROUNDS = 5;
/** After a round that was mostly hidden comes a large one. */
const LARGEST_ROUND = 101;

const unavailable = () =>
  new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });

/**
 * Accepts a like at once; a job validates asynchronously that the post exists and is visible to the liker. Until then the
 * like counts and shows for its liker only, unless timelines confirms the post at once. A like of a plain repost is one of
 * its original. `isNew` is false for a repeat.
 */
export async function like(
  deps: LikesDeps,
  caller: Caller,
  postId: string,
): Promise<{ isNew: boolean; likes: PostLikes }> {
  requirePostId(postId);
  const confirmedId = await deps.checkPost(postId, caller.id);
  const likedId = confirmedId ?? postId;
  const nowMs = deps.now();
  const data = { post_id: likedId, user_id: caller.id, liked_at: new Date(nowMs).toISOString() };
  const validation = redisOutboxEntry(LikeValidate, data, { actor: caller.id });
  const { isNew, count } = await store.addLike(deps.storage, {
    postId: likedId,
    userId: caller.id,
    nowMs,
    isPending: confirmedId === null,
    validation,
  });
  if (isNew) deps.outbox.wake();
  // How many others like a post is not told to somebody who may not see it.
  return { isNew, likes: { post_id: likedId, count: confirmedId === null ? 1 : count, liked_by_me: true } };
}

/**
 * Removes a like by the id of the post or of a plain repost of it. Idempotent.
 *
 * @throws DependencyUnavailable when it may be a repost and timelines does not respond: the like may still be there
 */
export async function unlike(deps: LikesDeps, caller: Caller, postId: string): Promise<void> {
  requirePostId(postId);
  const remove = (id: string) =>
    store.removeLike(deps.storage, { postId: id, userId: caller.id, nowMs: deps.now() });
  const isRemoved = await remove(postId);
  const visible = await deps.findVisiblePosts([postId], caller.id);
  if (visible === undefined && !isRemoved) throw unavailable();
  const original = visible?.get(postId) ?? postId;
  if (original !== postId) await remove(original);
}

export async function readCount(deps: LikesDeps, caller: Caller | null, postId: string): Promise<PostLikes> {
  const [likes] = await readCounts(deps, caller, [postId]);
  if (likes === undefined) throw new Error('no count for a post');
  return likes;
}

/**
 * The like counts of posts, in the order of the ids; of a plain repost those of its original. A post that the viewer may not
 * see is one that does not exist: it has no likes but the viewer's own.
 *
 * @throws DependencyUnavailable while it is not known what the viewer may see
 */
export async function readCounts(
  deps: LikesDeps,
  caller: Pick<Caller, 'id'> | null,
  postIds: readonly string[],
): Promise<PostLikes[]> {
  postIds.forEach(requirePostId);
  const viewerId = caller?.id ?? null;
  const visible = await requireVisible(deps, postIds, viewerId);
  const originals = [...visible].flatMap(([id, original]) => (id === original ? [] : [original]));
  const stored = await store.readCounts(deps.storage, [...new Set([...postIds, ...originals])], viewerId);
  const byId = new Map(stored.map((likes) => [likes.postId, likes]));
  return postIds.map((postId) => {
    const own = byId.get(postId) ?? { postId, count: 0, likedByViewer: false };
    const original = visible.get(postId);
    if (original === undefined) return viewOf(caller, { ...own, count: own.likedByViewer ? 1 : 0 });
    return viewOf(caller, own, original === postId ? undefined : byId.get(original));
  });
}

/** Counted like by like, even of a person who likes everything; what is older is read post by post. */
const MAX_LISTED_LIKES = 1_000;
/** By how much the clocks of processes may differ: a like may seem that much older than its post. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * The posts that people like, for a service that remembers them: `completeSinceMs` is 0 when these are all; otherwise a post
 * that was created at or after this time is liked only if it is among them.
 */
export async function listLikedPosts(
  deps: LikesDeps,
  userIds: readonly string[],
): Promise<store.LikedPosts[]> {
  const lists = await store.listLikedPosts(deps.storage, userIds, MAX_LISTED_LIKES);
  return lists.map(({ completeSinceMs: sinceMs, ...list }) => ({
    ...list,
    completeSinceMs: sinceMs === 0 ? 0 : sinceMs + CLOCK_TOLERANCE_MS,
  }));
}

/** A like of a repost that is still pending belongs to the original, unless the viewer likes that as well. */
const viewOf = (viewer: object | null, own: store.Counts, original?: store.Counts): PostLikes => ({
  post_id: own.postId,
  count: (original?.count ?? 0) + (original?.likedByViewer ? 0 : own.count),
  ...(viewer !== null && { liked_by_me: own.likedByViewer || original?.likedByViewer === true }),
});

/** @throws DependencyUnavailable */
async function requireVisible(
  deps: Pick<LikesDeps, 'findVisiblePosts'>,
  postIds: readonly string[],
  viewerId: string | null,
): Promise<ReadonlyMap<string, string>> {
  const visible = await deps.findVisiblePosts(postIds, viewerId);
  if (visible === undefined) throw unavailable();
  return visible;
}

/** Posts that everybody may see. When most are hidden, the list ends short after `MAX_ROUNDS`. */
export async function readPopular(deps: LikesDeps, query: PopularQuery): Promise<PostLikes[]> {
  const { window: ranking = 'all', limit = 20 } = query;
  const popular: PostLikes[] = [];
  let skip = 0;
  for (let round = 0; round < MAX_ROUNDS && popular.length < limit; round++) {
    const wanted = round === 0 ? limit : LARGEST_ROUND;
    const posts = await store.readPopular(deps.storage, { ranking, skip, limit: wanted, nowMs: deps.now() });
    const ids = posts.map(({ postId }) => postId);
    const visible = await requireVisible(deps, ids, null);
    popular.push(
      ...posts
        .filter(({ postId }) => visible.has(postId))
        .map(({ postId, count }) => ({ post_id: postId, count })),
    );
    if (posts.length < wanted) break;
    skip += wanted;
  }
  return popular.slice(0, limit);
}

/** The posts that a person likes and everybody may see. A page may end short; its cursor continues there. */
export async function listLikes(deps: LikesDeps, username: string, query: PageQuery): Promise<Page<Like>> {
  const { limit, after } = readPageQuery(query, [integerKey]);
  const userId = await deps.findPerson(username);
  const shown: store.DatedLike[] = [];
  let beforeMs = after === null ? null : Number(after[0]);
  let isEnd = false;
  for (let round = 0; round < MAX_ROUNDS && shown.length <= limit && !isEnd; round++) {
    const wanted = round === 0 ? limit + 1 : LARGEST_ROUND;
    const likes = await store.listLikesOf(deps.storage, { userId, beforeMs, limit: wanted });
    const ids = likes.map(({ postId }) => postId);
    const visible = await requireVisible(deps, ids, null);
    shown.push(...likes.filter(({ postId }) => visible.has(postId)));
    beforeMs = likes.at(-1)?.likedAtMs ?? beforeMs;
    isEnd = likes.length < wanted;
  }
  const page = shown.slice(0, limit);
  const last = shown.length > limit ? page.at(-1)?.likedAtMs : isEnd ? null : beforeMs;
  return {
    items: page.map(({ postId, likedAtMs }) => ({
      post_id: postId,
      liked_at: new Date(likedAtMs).toISOString(),
    })),
    next_cursor: typeof last === 'number' ? encodeCursor([String(last)]) : null,
  };
}

/** Removes a like of a post that does not exist, and publishes `like.withdrawn`. Idempotent. */
export async function withdrawLike(deps: LikesDeps, postId: string, userId: string): Promise<boolean> {
  requirePostId(postId);
  const nowMs = deps.now();
  const data = { post_id: postId, user_id: userId, withdrawn_at: new Date(nowMs).toISOString() };
  const withdrawal = redisOutboxEntry(LikeWithdrawn, data, { actor: null });
  const withdrawn = await store.removeLike(deps.storage, { postId, userId, nowMs, withdrawal });
  if (withdrawn) deps.outbox.wake();
  return withdrawn;
}
