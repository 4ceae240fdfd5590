import { ErrorReply } from 'redis';
import { withTimeout } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import type { Redis } from '#kit/redis/client';
import type { redisScript } from '#kit/redis/script';
import type { OutboxEntry } from './outbox-entry';
import type { Ranking } from './rules';
import * as scripts from './scripts';

export interface LikesStorage {
  readonly redis: Redis;
  /** What the name of every key begins with. */
  readonly prefix: string;
}

/** The names of all keys begin with it. */
export const KEY_PREFIX = 'likes';

export type Broker = 'beanstalkd' | 'rabbitmq';

/** The client gives up on commands it has not sent yet; a Redis that has them and does not answer is given up here. */
const ANSWER_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;
/** Replies of a Redis that is there but cannot serve at the moment: loading its file, out of memory, busy. */
const NOT_NOW = /^(LOADING|OOM|BUSY|MISCONF|READONLY|MASTERDOWN|NOREPLICAS) /;
/** Likes taken back by one script: Redis answers nobody else meanwhile. */
const ERASE_BATCH = 100;
/** Likes claimed by one script: Redis answers nobody else meanwhile. */
const CLAIM_BATCH = 500;
/** A claim whose job has been parked is kept for as long as somebody may look at it. */
const CLAIM_SECONDS = 14 * 24 * 60 * 60;
/** A confirmed claim is remembered for longer than its job could be handed out again. */
const CONFIRMED_SECONDS = 24 * 60 * 60;

/**
 * Waits for Redis.
 *
 * @throws DependencyUnavailable when it is away, does not answer in time, or says that it cannot serve now
 */
async function answered<Result>(asked: Promise<Result>): Promise<Result> {
  try {
    return await withTimeout(asked, ANSWER_TIMEOUT_MS, 'asking Redis');
  } catch (cause) {
    if (cause instanceof ErrorReply && !NOT_NOW.test(cause.message)) throw cause;
    throw new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) }, cause });
  }
}

/** Runs a script and answers its numbers and texts as texts. */
export async function run(
  { redis, prefix }: LikesStorage,
  script: ReturnType<typeof redisScript>,
  ...args: readonly (string | number)[]
): Promise<string[]> {
  const reply = await answered(script(redis, [], [prefix, ...args.map(String)]));
  return Array.isArray(reply) ? reply.map(String) : [String(reply)];
}

export async function addLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; nowMs: number; validation: OutboxEntry },
): Promise<{ first: boolean; count: number }> {
  const { postId, userId, nowMs, validation } = like;
  const [first, count] = await run(
    storage,
    scripts.ADD_LIKE,
    ...[postId, userId, nowMs, validation.id, validation.text],
  );
  return { first: first === '1', count: Number(count) };
}

/** @returns false when there was no such like; `withdrawal` is sent only when there was */
export async function removeLike(
  storage: LikesStorage,
  like: { postId: string; userId: string; nowMs: number; withdrawal?: OutboxEntry },
): Promise<boolean> {
  const { postId, userId, nowMs, withdrawal } = like;
  const message = withdrawal === undefined ? [] : [withdrawal.id, withdrawal.text];
  const [removed] = await run(storage, scripts.REMOVE_LIKE, postId, userId, nowMs, ...message);
  return removed === '1';
}

/** Likes of posts in the order asked for. */
export async function readCounts(
  storage: LikesStorage,
  postIds: readonly string[],
  viewerId: string | null,
): Promise<{ postId: string; count: number; likedByViewer: boolean }[]> {
  const answer = await run(storage, scripts.READ_COUNTS, viewerId ?? '', ...postIds);
  return postIds.map((postId, index) => ({
    postId,
    count: Number(answer[2 * index]),
    likedByViewer: answer[2 * index + 1] === '1',
  }));
}

export async function readPopular(
  storage: LikesStorage,
  request: { ranking: Ranking; limit: number; nowMs: number },
): Promise<{ postId: string; count: number }[]> {
  const { ranking, nowMs, limit } = request;
  return pairs(await run(storage, scripts.READ_POPULAR, ranking, nowMs, limit)).map(([postId, count]) => ({
    postId,
    count: Number(count),
  }));
}

/** What a person likes, newest first, before a time (milliseconds, unique for the person). */
export async function readLikesOf(
  { redis, prefix }: LikesStorage,
  request: { userId: string; beforeMs: number | null; limit: number },
): Promise<{ postId: string; likedAtMs: number }[]> {
  const { userId, beforeMs, limit } = request;
  const before = beforeMs === null ? '+inf' : `(${beforeMs}`;
  const page = { BY: 'SCORE', REV: true, LIMIT: { offset: 0, count: limit } } as const;
  const likes = await answered(redis.zRangeWithScores(`${prefix}:person:${userId}`, before, '-inf', page));
  return likes.map(({ value, score }) => ({ postId: value, likedAtMs: score }));
}

/** Takes back every like of a person, and forgets what they have been told and what was told of them. */
export async function erasePerson(storage: LikesStorage, userId: string, nowMs: number): Promise<void> {
  while ((await run(storage, scripts.ERASE_PERSON, userId, nowMs, ERASE_BATCH))[0] !== '0');
}

/** Takes back every like of a post. */
export async function erasePost(storage: LikesStorage, postId: string, nowMs: number): Promise<void> {
  while ((await run(storage, scripts.ERASE_POST, postId, nowMs, ERASE_BATCH))[0] !== '0');
}

/** The job that writes to an author, sent where none is under way. */
interface NextJob {
  readonly job: OutboxEntry;
  readonly nowMs: number;
  /** Until it tells, where likes do not keep coming. */
  readonly digestSeconds: number;
}

/** @returns whether the author is to be told: the like stands, and they have not been told of it before */
export async function acceptLike(
  storage: LikesStorage,
  like: NextJob & { postId: string; userId: string; authorId: string; telling: OutboxEntry },
): Promise<boolean> {
  const { postId, userId, authorId, telling } = like;
  const args = [postId, userId, authorId, telling.id, telling.text, ...jobArguments(like)];
  return (await run(storage, scripts.ACCEPT_LIKE, ...args))[0] === '1';
}

/**
 * Claims likes an author has not been told of by mail, the oldest first; the same claim gets the same again. The job is
 * sent when there are more than one claim takes.
 */
export async function claimUntold(
  storage: LikesStorage,
  claim: NextJob & { authorId: string; claimId: string; most: number },
): Promise<{ postId: string; userId: string }[]> {
  const { authorId, claimId, most } = claim;
  const args = [authorId, claimId, CLAIM_BATCH, most, CLAIM_SECONDS, ...jobArguments(claim)];
  let isWhole = false;
  while (!isWhole) isWhole = (await run(storage, scripts.CLAIM_UNTOLD, ...args))[0] === '1';
  const claimed = await answered(storage.redis.lRange(`${storage.prefix}:claim:${claimId}`, 0, -1));
  return claimed.map((like) => {
    const [postId = '', userId = ''] = like.split(' ');
    return { postId, userId };
  });
}

const jobArguments = ({ job, nowMs, digestSeconds }: NextJob) => [nowMs, digestSeconds, job.id, job.text];

/** @param mail sent unless the claim has been confirmed before */
export async function confirmClaim(
  storage: LikesStorage,
  claimId: string,
  mail?: OutboxEntry,
): Promise<void> {
  const message = mail === undefined ? [] : [mail.id, mail.text];
  await run(storage, scripts.CONFIRM_CLAIM, claimId, CONFIRMED_SECONDS, ...message);
}

/** Messages for a broker that nobody else gets for `heldMs`: id and text of each. */
export async function claimMessages(
  storage: LikesStorage,
  claim: { broker: Broker; limit: number; heldMs: number },
): Promise<[string, string][]> {
  return pairs(await run(storage, scripts.CLAIM_MESSAGES, claim.broker, claim.limit, claim.heldMs));
}

/** Forgets messages that were sent, and lets the others be claimed again after `retryMs`. */
export async function settleMessages(
  storage: LikesStorage,
  settled: { broker: Broker; sent: readonly string[]; unsent: readonly string[]; retryMs: number },
): Promise<void> {
  const { broker, sent, unsent, retryMs } = settled;
  await run(storage, scripts.SETTLE_MESSAGES, broker, retryMs, sent.length, ...sent, ...unsent);
}

export async function countUnsent({ redis, prefix }: LikesStorage, broker: Broker): Promise<number> {
  return answered(redis.zCard(`${prefix}:outbox:${broker}`));
}

/** An answer that holds two things for each row. */
function pairs(answer: readonly string[]): [string, string][] {
  return answer.flatMap((value, index): [string, string][] =>
    index % 2 === 0 ? [[value, answer[index + 1] ?? '']] : [],
  );
}
