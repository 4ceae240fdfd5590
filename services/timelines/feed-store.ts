import type { Redis } from '#kit/redis/client';
import { redisScript } from '#kit/redis/script';

/**
 * A feed is one sorted set: a reader's newest post ids, each its own score, and below them `!floor`. Its score is the
 * lowest id down to which the set is complete; older posts are read from the database. One key holds all of it, so
 * that a feed is there whole or not at all, and 801 members stay a compact listpack.
 *
 * A feed being built lies beside it under a key of its own with `!building:<token>`, takes deliveries from the first
 * moment on, and replaces the feed when it is complete.
 */
const FLOOR = '!floor';
const FEED_DAYS_SECONDS = 7 * 86_400;
/** A build that takes longer was given up by its process; the next reader begins anew. */
const BUILDING_SECONDS = 30;
/** Feeds that one script call writes to: Redis answers nobody else meanwhile, about a tenth of a millisecond. */
const FEEDS_PER_CALL = 100;

export interface FeedSlice {
  /** Newest first. */
  readonly ids: string[];
  /** Set when the feed holds nothing older than these: where the database goes on; null where that is the end. */
  readonly floor?: string | null;
}

const feedOf = (readerId: string) => `home:{${readerId}}`;
const buildingOf = (readerId: string) => `home:{${readerId}}:building`;

/**
 * Reads a part of a feed and keeps it for another week.
 *
 * @returns null when there is no feed that could tell: absent, or the part lies below its floor
 */
export async function readFeed(
  redis: Redis,
  readerId: string,
  slice: { after: string | null; limit: number },
): Promise<FeedSlice | null> {
  const newest = slice.after === null ? '+inf' : `(${slice.after}`;
  const [members] = await Promise.all([
    redis.zRangeWithScores(feedOf(readerId), newest, '-inf', {
      BY: 'SCORE',
      REV: true,
      LIMIT: { offset: 0, count: slice.limit },
    }),
    redis.expire(feedOf(readerId), FEED_DAYS_SECONDS),
  ]);
  const last = members.at(-1);
  if (last === undefined) return null;
  if (last.value !== FLOOR) return { ids: members.map((member) => member.value) };
  return {
    ids: members.slice(0, -1).map((member) => member.value),
    floor: last.score === 0 ? null : String(last.score),
  };
}

/** KEYS: feed, building, feed, building, …; ARGV: most ids of a feed, then ids. Answers how many feeds took them. */
const deliver = redisScript(`
  local most = tonumber(ARGV[1])
  local delivered = 0
  for k = 1, #KEYS, 2 do
    local feed, building = KEYS[k], KEYS[k + 1]
    local floor = redis.call('ZSCORE', feed, '${FLOOR}')
    if floor then
      floor = tonumber(floor)
      for i = 2, #ARGV do
        if tonumber(ARGV[i]) >= floor then redis.call('ZADD', feed, ARGV[i], ARGV[i]) end
      end
      local extra = redis.call('ZCARD', feed) - 1 - most
      if extra > 0 then
        redis.call('ZREMRANGEBYRANK', feed, 1, extra)
        redis.call('ZADD', feed, redis.call('ZRANGE', feed, 1, 1)[1], '${FLOOR}')
      end
      delivered = delivered + 1
    end
    if redis.call('EXISTS', building) == 1 then
      for i = 2, #ARGV do redis.call('ZADD', building, ARGV[i], ARGV[i]) end
    end
  end
  return delivered`);

/**
 * Puts posts into the feeds that exist among these readers', in any order and any number of times.
 *
 * @returns how many feeds there were
 */
export async function deliverToFeeds(
  redis: Redis,
  readerIds: readonly string[],
  postIds: readonly string[],
  homeSize: number,
): Promise<number> {
  if (postIds.length === 0) return 0;
  const calls: Promise<unknown>[] = [];
  for (let start = 0; start < readerIds.length; start += FEEDS_PER_CALL) {
    const keys = readerIds.slice(start, start + FEEDS_PER_CALL).flatMap((id) => [feedOf(id), buildingOf(id)]);
    calls.push(deliver(redis, keys, [String(homeSize), ...postIds]));
  }
  return (await Promise.all(calls)).reduce<number>((sum, delivered) => sum + Number(delivered), 0);
}

export async function removeFromFeed(
  redis: Redis,
  readerId: string,
  postIds: readonly string[],
): Promise<void> {
  if (postIds.length === 0) return;
  await Promise.all([
    redis.zRem(feedOf(readerId), [...postIds]),
    redis.zRem(buildingOf(readerId), [...postIds]),
  ]);
}

/** KEYS: feed, building; ARGV: token, seconds. */
const begin = redisScript(`
  if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
  redis.call('ZADD', KEYS[2], 0, '!building:' .. ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  return 1`);

/** Begins to build a feed. @returns false when it is there, or being built by somebody else */
export async function beginFeed(redis: Redis, readerId: string, token: string): Promise<boolean> {
  const begun = await begin(
    redis,
    [feedOf(readerId), buildingOf(readerId)],
    [token, String(BUILDING_SECONDS)],
  );
  return begun === 1;
}

/** KEYS: feed, building; ARGV: token, most ids, seconds, floor, ids … */
const finish = redisScript(`
  local feed, building, most, floor = KEYS[1], KEYS[2], tonumber(ARGV[2]), ARGV[4]
  if redis.call('ZREM', building, '!building:' .. ARGV[1]) == 0 then return 0 end
  redis.call('ZREMRANGEBYSCORE', building, '-inf', '(' .. floor)
  for i = 5, #ARGV do redis.call('ZADD', building, ARGV[i], ARGV[i]) end
  local extra = redis.call('ZCARD', building) - most
  if extra > 0 then
    redis.call('ZREMRANGEBYRANK', building, 0, extra - 1)
    floor = redis.call('ZRANGE', building, 0, 0)[1]
  end
  redis.call('ZADD', building, floor, '${FLOOR}')
  redis.call('RENAME', building, feed)
  redis.call('EXPIRE', feed, ARGV[3])
  return 1`);

/**
 * Completes a feed with what the database held after `beginFeed`; what was delivered since then is in it already.
 *
 * @param floor the lowest id down to which `ids` are complete; null when there are no older ones
 * @returns false when the build with this token had been given up
 */
export async function finishFeed(
  redis: Redis,
  readerId: string,
  feed: { token: string; ids: readonly string[]; floor: string | null; homeSize: number },
): Promise<boolean> {
  const args = [feed.token, String(feed.homeSize), String(FEED_DAYS_SECONDS), feed.floor ?? '0', ...feed.ids];
  return (await finish(redis, [feedOf(readerId), buildingOf(readerId)], args)) === 1;
}

export async function deleteFeed(redis: Redis, readerId: string): Promise<void> {
  await redis.del([feedOf(readerId), buildingOf(readerId)]);
}
