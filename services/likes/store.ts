import type { LikesStorage } from './deps';
import type { RedisOutboxEntry } from './redis-outbox-entry';
import type { Ranking } from './rules';
import { callScript, pairsOf, runScript, withReply } from './run-script';
import * as scripts from './scripts/likes';

/** Likes removed by one script call, which blocks Redis. */
const ERASURE_BATCH = 100;
/** People whose likes one script call reads: a thousand each take about a millisecond. */
const PEOPLE_PER_CALL = 10;

/** @returns for a pending like the count that its liker sees */
export async function addLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; nowMs: number; isPending: boolean; validation: RedisOutboxEntry },
): Promise<{ isNew: boolean; count: number }> {
  const { postId, userId, nowMs, isPending, validation } = like;
  const args = [postId, userId, nowMs, validation.id, validation.text, isPending ? 1 : 0];
  const [isNew, count] = await runScript(storage, scripts.ADD_LIKE, ...args);
  return { isNew: isNew === '1', count: Number(count) };
}

/**
 * Lets a pending like count for everybody. Idempotent.
 *
 * @param like.givenTo the post that the like was given to, when it belongs to another: it is moved
 */
export async function settleLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; givenTo: string; nowMs: number },
): Promise<void> {
  await runScript(storage, scripts.SETTLE_LIKE, like.postId, like.userId, like.nowMs, like.givenTo);
}

/** @returns false when the like did not exist; `withdrawal` is sent only when it did */
export async function removeLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; nowMs: number; withdrawal?: RedisOutboxEntry },
): Promise<boolean> {
  const { postId, userId, nowMs, withdrawal } = like;
  const message = withdrawal === undefined ? [] : [withdrawal.id, withdrawal.text];
  const [removed] = await runScript(storage, scripts.REMOVE_LIKE, postId, userId, nowMs, ...message);
  return removed === '1';
}

/** The likes of each post that count for everybody, in the order of the ids. */
export async function countLikes(storage: LikesStorage, postIds: readonly string[]): Promise<number[]> {
  if (postIds.length === 0) return [];
  const reply = await callScript(storage, scripts.COUNT_LIKES, ...postIds);
  return Array.isArray(reply) ? reply.map(Number) : [];
}

export interface Counts {
  readonly postId: string;
  readonly count: number;
  readonly likedByViewer: boolean;
}

/** The like counts of posts, in the order of the ids; the viewer's pending likes are included. */
export async function readCounts(
  storage: LikesStorage,
  postIds: readonly string[],
  viewerId: string | null,
): Promise<Counts[]> {
  if (viewerId === null) {
    const counts = await countLikes(storage, postIds);
    return postIds.map((postId, index) => ({ postId, count: counts[index] ?? 0, likedByViewer: false }));
  }
  if (postIds.length === 0) return [];
  const reply = await runScript(storage, scripts.READ_COUNTS, viewerId, ...postIds);
  return postIds.map((postId, index) => ({
    postId,
    count: Number(reply[2 * index]),
    likedByViewer: reply[2 * index + 1] === '1',
  }));
}

export interface LikedPosts {
  readonly userId: string;
  readonly postIds: readonly string[];
  /** Those that only the liker sees counted. */
  readonly pendingPostIds: readonly string[];
  /** 0 when these are all; otherwise every like given at or after this time is included. */
  readonly completeSinceMs: number;
}

/** The posts of the newest `limit` likes of each person, pending ones included. One round trip. */
export async function listLikedPosts(
  storage: LikesStorage,
  userIds: readonly string[],
  limit: number,
): Promise<LikedPosts[]> {
  const calls: Promise<string[]>[] = [];
  for (let start = 0; start < userIds.length; start += PEOPLE_PER_CALL) {
    const people = userIds.slice(start, start + PEOPLE_PER_CALL);
    calls.push(runScript(storage, scripts.LIST_LIKED, limit, ...people));
  }
  const lists = (await Promise.all(calls)).flat();
  return userIds.map((userId, index) => ({
    userId,
    postIds: idsIn(lists[3 * index]),
    pendingPostIds: idsIn(lists[3 * index + 1]),
    completeSinceMs: Number(lists[3 * index + 2]),
  }));
}

const idsIn = (list = '') => (list === '' ? [] : list.split(' '));

/** The posts of a ranking after the first `skip`. */
export async function readPopular(
  storage: LikesStorage,
  request: { ranking: Ranking; skip: number; limit: number; nowMs: number },
): Promise<{ postId: string; count: number }[]> {
  const { ranking, nowMs, skip, limit } = request;
  const read = ranking === 'all' ? scripts.READ_POPULAR : scripts.READ_POPULAR_LATELY;
  const reply = await runScript(storage, read, ranking, nowMs, skip, limit);
  return pairsOf(reply).map(([postId, count]) => ({ postId, count: Number(count) }));
}

export interface DatedLike {
  readonly postId: string;
  readonly likedAtMs: number;
}

/**
 * The posts a person likes, newest like first.
 *
 * @param request.beforeMs times are unique per person, so the time of the last like is the cursor
 */
export async function listLikesOf(
  { redis, prefix }: LikesStorage,
  request: { userId: string; beforeMs: number | null; limit: number },
): Promise<DatedLike[]> {
  const { userId, beforeMs, limit } = request;
  const before = beforeMs === null ? '+inf' : `(${beforeMs}`;
  const page = { BY: 'SCORE', REV: true, LIMIT: { offset: 0, count: limit } } as const;
  const likes = await withReply(redis.zRangeWithScores(`${prefix}:person:${userId}`, before, '-inf', page));
  return likes.map(({ value, score }) => ({ postId: value, likedAtMs: score }));
}

/** The posts a person likes, oldest like first. @param request.afterMs the time of the last like of the previous page */
export async function exportLikesOf(
  { redis, prefix }: LikesStorage,
  request: { userId: string; afterMs: number | null; limit: number },
): Promise<DatedLike[]> {
  const { userId, afterMs, limit } = request;
  const after = afterMs === null ? '-inf' : `(${afterMs}`;
  const page = { BY: 'SCORE', LIMIT: { offset: 0, count: limit } } as const;
  const likes = await withReply(redis.zRangeWithScores(`${prefix}:person:${userId}`, after, '+inf', page));
  return likes.map(({ value, score }) => ({ postId: value, likedAtMs: score }));
}

/** Adds a like with the time at which it was given, of which its author is not notified. @returns false for a repeat */
export async function importLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; likedAtMs: number },
): Promise<boolean> {
  const [added] = await runScript(storage, scripts.IMPORT_LIKE, like.postId, like.userId, like.likedAtMs);
  return added === '1';
}

/** Removes all likes of a person, and the record of notifications from and to them. Idempotent. */
export async function erasePerson(storage: LikesStorage, userId: string, nowMs: number): Promise<void> {
  while ((await runScript(storage, scripts.ERASE_PERSON, userId, nowMs, ERASURE_BATCH))[0] !== '0');
}

/** Removes all likes of a post. Idempotent. */
export async function erasePost(storage: LikesStorage, postId: string, nowMs: number): Promise<void> {
  while ((await runScript(storage, scripts.ERASE_POST, postId, nowMs, ERASURE_BATCH))[0] !== '0');
}
