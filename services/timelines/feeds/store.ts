import type { Redis } from '#kit/redis/commands';
import { redisScript } from '#kit/redis/script';

/**
 * A feed is one sorted set: a reader's newest post ids, each its own score, and below them the member `!floor`, whose
 * score is the lowest id down to which the set is complete. Older posts are read from the database. One key holds the
 * whole feed, so that it exists completely or not at all, and 801 members stay a compact listpack.
 *
 * A feed being built has a key of its own with the member `!building:<token>`, accepts deliveries from the start, and
 * replaces the feed when it is complete.
 */
const FLOOR = '!floor';
const FEED_TTL_SECONDS = 7 * 86_400;
/** A build that takes longer has been abandoned by its process; the next read starts a new one. */
const BUILD_TTL_SECONDS = 30;
/** Feeds written by one script call, which blocks Redis for about a tenth of a millisecond. */
const FEEDS_PER_CALL = 100;

export interface FeedSlice {
  /** Newest first. */
  readonly ids: string[];
  /** Set when the feed has no older ids: the id below which the database continues, null when nothing is older. */
  readonly floor?: string | null;
}

const feedOf = (readerId: string) => `home:{${readerId}}`;
const buildingOf = (readerId: string) => `home:{${readerId}}:building`;

/**
 * Reads a slice of a feed.
 *
 * @returns null when there is no feed, or the slice is below its floor
 */
export async function readFeed(
  redis: Redis,
  readerId: string,
  slice: { after: string | null; limit: number },
): Promise<FeedSlice | null> {
  const newest = slice.after === null ? '+inf' : `(${slice.after}`;
  const range = { BY: 'SCORE', REV: true, LIMIT: { offset: 0, count: slice.limit } } as const;
  const ids = await redis.zRange(feedOf(readerId), newest, '-inf', range);
  const last = ids.at(-1);
  if (last === undefined) return null;
  if (last !== FLOOR) return { ids };
  // With the floor in the same reply: it may have moved since. Scores cost a third more, and most slices do not reach it.
  const members = await redis.zRangeWithScores(feedOf(readerId), newest, '-inf', range);
  const lowest = members.at(-1);
  if (lowest === undefined) return null;
  if (lowest.value !== FLOOR) return { ids: members.map((member) => member.value) };
  return {
    ids: members.slice(0, -1).map((member) => member.value),
    floor: lowest.score === 0 ? null : String(lowest.score),
  };
}

/** Extends the lifetime of a feed to another week. */
export async function extendFeed(redis: Redis, readerId: string): Promise<void> {
  await redis.expire(feedOf(readerId), FEED_TTL_SECONDS);
}

/**
 * KEYS: feed, building, feed, building, …; ARGV: maximum ids of a feed, then for each feed its new ids, separated by blanks.
 * Returns a character for each feed, 1 where there is one.
 */
const deliver = redisScript(`
  local max = tonumber(ARGV[1])
  local delivered = {}
  for k = 1, #KEYS, 2 do
    local feed, building, ids = KEYS[k], KEYS[k + 1], ARGV[(k + 3) / 2]
    local floor = redis.call('ZSCORE', feed, '${FLOOR}')
    if floor then
      floor = tonumber(floor)
      for id in string.gmatch(ids, '%d+') do
        if tonumber(id) >= floor then redis.call('ZADD', feed, id, id) end
      end
      local extra = redis.call('ZCARD', feed) - 1 - max
      if extra > 0 then
        redis.call('ZREMRANGEBYRANK', feed, 1, extra)
        redis.call('ZADD', feed, redis.call('ZRANGE', feed, 1, 1)[1], '${FLOOR}')
      end
    end
    if redis.call('EXISTS', building) == 1 then
      for id in string.gmatch(ids, '%d+') do redis.call('ZADD', building, id, id) end
    end
    delivered[#delivered + 1] = floor and '1' or '0'
  end
  return table.concat(delivered)`);

/**
 * Adds posts to the feeds of readers who have one. Idempotent, in any order.
 *
 * @param postsOf the new posts of each reader
 * @returns the readers who have a feed
 */
export async function addToFeeds(
  redis: Redis,
  postsOf: ReadonlyMap<string, readonly string[]>,
  homeSize: number,
): Promise<Set<string>> {
  const calls: Promise<void>[] = [];
  const withFeed = new Set<string>();
  for (const readers of redis.groups([...postsOf.keys()], feedOf))
    for (let start = 0; start < readers.length; start += FEEDS_PER_CALL) {
      const called = readers.slice(start, start + FEEDS_PER_CALL);
      const keys = called.flatMap((id) => [feedOf(id), buildingOf(id)]);
      const posts = called.map((id) => postsOf.get(id)?.join(' ') ?? '');
      const adding = deliver(redis.ofGroup, keys, [String(homeSize), ...posts]).then((delivered) => {
        for (const [index, reader] of called.entries())
          if (String(delivered)[index] === '1') withFeed.add(reader);
      });
      calls.push(adding);
    }
  await Promise.all(calls);
  return withFeed;
}

/**
 * Adds the same posts to several feeds, like `addToFeeds`.
 *
 * @returns number of feeds
 */
export async function deliverToFeeds(
  redis: Redis,
  readerIds: readonly string[],
  postIds: readonly string[],
  homeSize: number,
): Promise<number> {
  if (postIds.length === 0) return 0;
  return (await addToFeeds(redis, new Map(readerIds.map((id) => [id, postIds])), homeSize)).size;
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

/** KEYS: feed, building; ARGV: token, time to live in seconds. */
const begin = redisScript(`
  if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
  redis.call('ZADD', KEYS[2], 0, '!building:' .. ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  return 1`);

/** Starts building a feed. @returns false when it exists or is being built */
export async function beginFeed(redis: Redis, readerId: string, token: string): Promise<boolean> {
  const begun = await begin(
    redis,
    [feedOf(readerId), buildingOf(readerId)],
    [token, String(BUILD_TTL_SECONDS)],
  );
  return begun === 1;
}

/** KEYS: feed, building; ARGV: token, maximum ids, time to live in seconds, floor, ids … */
const finish = redisScript(`
  local feed, building, max, floor = KEYS[1], KEYS[2], tonumber(ARGV[2]), ARGV[4]
  if redis.call('ZREM', building, '!building:' .. ARGV[1]) == 0 then return 0 end
  redis.call('ZREMRANGEBYSCORE', building, '-inf', '(' .. floor)
  for i = 5, #ARGV do redis.call('ZADD', building, ARGV[i], ARGV[i]) end
  local extra = redis.call('ZCARD', building) - max
  if extra > 0 then
    redis.call('ZREMRANGEBYRANK', building, 0, extra - 1)
    floor = redis.call('ZRANGE', building, 0, 0)[1]
  end
  redis.call('ZADD', building, floor, '${FLOOR}')
  redis.call('RENAME', building, feed)
  redis.call('EXPIRE', feed, ARGV[3])
  return 1`);

/**
 * Completes a feed with the ids read from the database after `beginFeed`; it has the deliveries since then already.
 *
 * @param feed.floor the lowest id down to which `ids` are complete; null when there are no older ones
 * @returns false when the build with this token has expired
 */
export async function finishFeed(
  redis: Redis,
  readerId: string,
  feed: { token: string; ids: readonly string[]; floor: string | null; homeSize: number },
): Promise<boolean> {
  const args = [feed.token, String(feed.homeSize), String(FEED_TTL_SECONDS), feed.floor ?? '0', ...feed.ids];
  return (await finish(redis, [feedOf(readerId), buildingOf(readerId)], args)) === 1;
}

export async function deleteFeed(redis: Redis, readerId: string): Promise<void> {
  await redis.del([feedOf(readerId), buildingOf(readerId)]);
}
