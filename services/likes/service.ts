import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { type MailContent, MailRequested } from '#contracts/events/mail';
import { LikeNotify, LikeValidate } from '#contracts/jobs/likes';
import type { Caller } from '#kit/auth/caller';
import { isTimeOrderedId } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { InvalidCursor, type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import type { Like, PopularQuery, PostLikes } from './model';
import type { OutboxRelay } from './outbox';
import { jobEntry, outboxEntry } from './outbox-entry';
import * as store from './store';

export interface LikesDeps {
  readonly runtime: Runtime;
  readonly storage: store.LikesStorage;
  readonly outbox: OutboxRelay;
  /** The id behind a username. */
  readonly findPerson: (username: string) => Promise<string>;
  /** Likes of an author's posts are collected for so long before a mail tells of them. */
  readonly digestSeconds: number;
  readonly now: () => number;
}

/** Accepts a like at once; whether its post exists is found out later. `first` is false when it was there before. */
export async function like(
  deps: LikesDeps,
  caller: Caller,
  postId: string,
): Promise<{ first: boolean; likes: PostLikes }> {
  mustBePostId(postId);
  const nowMs = deps.now();
  const data = { post_id: postId, user_id: caller.id, liked_at: new Date(nowMs).toISOString() };
  const validation = outboxEntry(LikeValidate, data, { actor: caller.id });
  const { first, count } = await store.addLike(deps.storage, {
    postId,
    userId: caller.id,
    nowMs,
    validation,
  });
  if (first) deps.outbox.wake();
  return { first, likes: { post_id: postId, count, liked_by_me: true } };
}

export async function unlike(deps: LikesDeps, caller: Caller, postId: string): Promise<void> {
  mustBePostId(postId);
  await store.removeLike(deps.storage, { postId, userId: caller.id, nowMs: deps.now() });
}

export async function readCount(deps: LikesDeps, postId: string, caller: Caller | null): Promise<PostLikes> {
  const [likes] = await readCounts(deps, [postId], caller);
  if (likes === undefined) throw new Error('Redis answered one post with none');
  return likes;
}

/** Likes of posts in the order asked for. */
export async function readCounts(
  deps: LikesDeps,
  postIds: readonly string[],
  caller: Pick<Caller, 'id'> | null,
): Promise<PostLikes[]> {
  postIds.forEach(mustBePostId);
  const counts = await store.readCounts(deps.storage, postIds, caller?.id ?? null);
  return counts.map(({ postId, count, likedByViewer }) => ({
    post_id: postId,
    count,
    ...(caller !== null && { liked_by_me: likedByViewer }),
  }));
}

export async function readPopular(deps: LikesDeps, query: PopularQuery): Promise<PostLikes[]> {
  const { window: ranking = 'all', limit = 20 } = query;
  const posts = await store.readPopular(deps.storage, { ranking, limit, nowMs: deps.now() });
  return posts.map(({ postId, count }) => ({ post_id: postId, count }));
}

export async function listLikes(deps: LikesDeps, username: string, query: PageQuery): Promise<Page<Like>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const beforeMs = after === null ? null : Number(after[0]);
  if (beforeMs !== null && !Number.isSafeInteger(beforeMs)) throw new InvalidCursor();
  const userId = await deps.findPerson(username);
  const likes = await store.readLikesOf(deps.storage, { userId, beforeMs, limit: limit + 1 });
  return toPage(
    likes,
    limit,
    ({ likedAtMs }) => [String(likedAtMs)],
    ({ postId, likedAtMs }) => ({ post_id: postId, liked_at: new Date(likedAtMs).toISOString() }),
  );
}

/** Takes a like of a post that does not exist back everywhere, and tells the liker. */
export async function withdrawLike(deps: LikesDeps, postId: string, userId: string): Promise<boolean> {
  mustBePostId(postId);
  const nowMs = deps.now();
  const data = { post_id: postId, user_id: userId, withdrawn_at: new Date(nowMs).toISOString() };
  const withdrawal = outboxEntry(LikeWithdrawn, data, { actor: null });
  const withdrawn = await store.removeLike(deps.storage, { postId, userId, nowMs, withdrawal });
  if (withdrawn) deps.outbox.wake();
  return withdrawn;
}

/**
 * The post exists: its author is told in the app at once, and by mail with what comes soon, unless the like is their own
 * or they have been told of it before.
 */
export async function acceptLike(
  deps: LikesDeps,
  like: { postId: string; userId: string; authorId: string },
): Promise<boolean> {
  const { postId, userId, authorId } = like;
  mustBePostId(postId);
  if (userId === authorId) return false;
  const liked_at = new Date(deps.now()).toISOString();
  const data = { post_id: postId, author_id: authorId, user_id: userId, liked_at };
  const toBeTold = await store.acceptLike(deps.storage, {
    ...like,
    telling: outboxEntry(PostLiked, data, { actor: userId }),
    ...nextJob(deps, authorId),
  });
  if (toBeTold) deps.outbox.wake();
  return toBeTold;
}

/** Likes one mail tells of: with their ids well within what one gRPC message holds. */
const CLAIM_LIKES = 20_000;

/** Everything an author has not been told of by mail; from now on nobody else gets it. */
export async function claimNotifications(
  deps: LikesDeps,
  authorId: string,
  claimId: string,
): Promise<{ postId: string; userId: string }[]> {
  const likes = await store.claimUntold(deps.storage, {
    authorId,
    claimId,
    most: CLAIM_LIKES,
    ...nextJob(deps, authorId),
  });
  deps.outbox.wake();
  return likes;
}

/** The job that writes to an author, and when: the scripts put it where there is none yet. */
const nextJob = ({ digestSeconds, now }: LikesDeps, authorId: string) => ({
  job: jobEntry(LikeNotify, { author_id: authorId }, { actor: null }),
  nowMs: now(),
  digestSeconds,
});

/** Asks for the mail that tells an author of a claim's likes, once for each claim, however often it is confirmed. */
export async function confirmNotifications(
  deps: LikesDeps,
  claim: { claimId: string; authorId: string; posts: LikesDigest },
): Promise<void> {
  const { claimId, authorId, posts } = claim;
  if (posts.length === 0) return store.confirmClaim(deps.storage, claimId);
  const data = {
    to: { user_id: authorId },
    content: { template: 'likes-digest', values: { posts } },
    event_id: claimId,
  } as const;
  const mail = outboxEntry(MailRequested, validated(MailRequested.data, data), { actor: null });
  await store.confirmClaim(deps.storage, claimId, mail);
  deps.outbox.wake();
}

type LikesDigest = Extract<MailContent, { template: 'likes-digest' }>['values']['posts'];

function mustBePostId(postId: string): void {
  if (!isTimeOrderedId(postId))
    throw new ValidationFailed({ errors: [{ field: 'post_id', message: 'The id of a post' }] });
}
