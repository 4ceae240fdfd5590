import { LikeWithdrawn } from '#contracts/events/likes';
import { LikeValidate } from '#contracts/jobs/likes';
import type { Caller } from '#kit/auth/caller';
import { DependencyUnavailable } from '#kit/errors/problem';
import { integerKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { LikesDeps } from './deps';
import type { Like, PopularQuery, PostLikes } from './model';
import { requirePostId } from './post-id';
import { redisOutboxEntry } from './redis-outbox-entry';
import * as store from './store';

const RETRY_AFTER_SECONDS = 1;

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
  return { isNew, likes: { post_id: likedId, count, liked_by_me: true } };
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
  const originals = await deps.findOriginals([postId], caller.id);
  if (originals === undefined && !isRemoved)
    throw new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
  const original = originals?.get(postId);
  if (original !== undefined) await remove(original);
}

export async function readCount(deps: LikesDeps, caller: Caller | null, postId: string): Promise<PostLikes> {
  const [likes] = await readCounts(deps, caller, [postId]);
  if (likes === undefined) throw new Error('no count for a post');
  return likes;
}

/** The like counts of posts, in the order of the ids; of a plain repost those of its original. */
export async function readCounts(
  deps: LikesDeps,
  caller: Pick<Caller, 'id'> | null,
  postIds: readonly string[],
): Promise<PostLikes[]> {
  postIds.forEach(requirePostId);
  const own = await store.readCounts(deps.storage, postIds, caller?.id ?? null);
  // Nobody likes a repost itself, except for a moment while timelines is unavailable.
  const maybeReposts = own.filter(({ count, likedByViewer }) => count === (likedByViewer ? 1 : 0));
  const originals =
    maybeReposts.length === 0
      ? undefined
      : await deps.findOriginals(
          maybeReposts.map(({ postId }) => postId),
          caller?.id ?? null,
        );
  const ofOriginals = await store.readCounts(
    deps.storage,
    [...new Set(originals?.values())],
    caller?.id ?? null,
  );
  const byId = new Map(ofOriginals.map((likes) => [likes.postId, likes]));
  return own.map((likes) => viewOf(caller, likes, byId.get(originals?.get(likes.postId) ?? '')));
}

/** The like counts of posts of which none is a plain repost. */
export async function readOwnCounts(
  deps: LikesDeps,
  caller: Pick<Caller, 'id'> | null,
  postIds: readonly string[],
): Promise<PostLikes[]> {
  postIds.forEach(requirePostId);
  const own = await store.readCounts(deps.storage, postIds, caller?.id ?? null);
  return own.map((likes) => viewOf(caller, likes, undefined));
}

/** A like of a repost that is still pending belongs to the original, unless the viewer likes that as well. */
const viewOf = (viewer: object | null, own: store.Counts, original: store.Counts | undefined): PostLikes => ({
  post_id: own.postId,
  count: (original?.count ?? 0) + (original?.likedByViewer ? 0 : own.count),
  ...(viewer !== null && { liked_by_me: own.likedByViewer || original?.likedByViewer === true }),
});

export async function readPopular(deps: LikesDeps, query: PopularQuery): Promise<PostLikes[]> {
  const { window: ranking = 'all', limit = 20 } = query;
  const posts = await store.readPopular(deps.storage, { ranking, limit, nowMs: deps.now() });
  return posts.map(({ postId, count }) => ({ post_id: postId, count }));
}

export async function listLikes(deps: LikesDeps, username: string, query: PageQuery): Promise<Page<Like>> {
  const { limit, after } = readPageQuery(query, [integerKey]);
  const beforeMs = after === null ? null : Number(after[0]);
  const userId = await deps.findPerson(username);
  const likes = await store.listLikesOf(deps.storage, { userId, beforeMs, limit: limit + 1 });
  return toPage(
    likes,
    limit,
    ({ likedAtMs }) => [String(likedAtMs)],
    ({ postId, likedAtMs }) => ({ post_id: postId, liked_at: new Date(likedAtMs).toISOString() }),
  );
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
