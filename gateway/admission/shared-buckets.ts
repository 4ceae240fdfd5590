import { createHmac } from 'node:crypto';
import type { Redis } from '#kit/redis/commands';
import { redisScript } from '#kit/redis/script';
import type { RateBucket, RatePolicy } from './rate-policy';

/** The buckets all gateways share in Redis. Every call rejects as a command does when Redis is unavailable. */
export interface SharedBuckets {
  /**
   * Counts one request, exactly.
   *
   * @returns whether it is admitted, and how far the theoretical arrival time is then ahead of the clock
   */
  take(bucket: RateBucket, policy: RatePolicy): Promise<{ admitted: boolean; aheadMs: number }>;
  /** Partitions buckets by hash slot: in a Redis cluster, the keys of one call must be on one server. */
  groups(buckets: readonly RateBucket[], policy: RatePolicy): RateBucket[][];
  /** Adds what was admitted here (`unsyncedMs`). @returns how far each bucket is ahead of the clock */
  add(group: readonly RateBucket[], policy: RatePolicy): Promise<number[]>;
}

/**
 * GCRA on the clock of Redis, so that the gateways' clocks need not agree. A key expires when its bucket is restored.
 * Times are text with fractions; replies are in whole microseconds, because Redis truncates fractions.
 */
const count = redisScript(`
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local tolerance = tonumber(ARGV[1])
  local answer = {}
  for index, key in ipairs(KEYS) do
    local restoredAt = math.max(tonumber(redis.call('GET', key) or '0'), now)
    local after = restoredAt + tonumber(ARGV[index + 1])
    local admitted = tolerance == 0 or after - now <= tolerance
    if admitted then
      restoredAt = after
      redis.call('SET', key, string.format('%.3f', after), 'PX', math.ceil(after - now))
    end
    answer[index * 2 - 1] = admitted and 1 or 0
    answer[index * 2] = math.floor((restoredAt - now) * 1000)
  end
  return answer
`);
const WITHOUT_LIMIT = 0;

/** @param secret keys are HMACs with it: they reveal neither users nor addresses */
export function createSharedBuckets(redis: Redis, secret: string): SharedBuckets {
  /** The first character of the hash is the hash tag of a Redis cluster: 64 groups, one call each. */
  function keyOf(bucket: RateBucket, { name }: RatePolicy): string {
    if (bucket.sharedKey === '') {
      const hash = createHmac('sha256', secret).update(`rate limit ${bucket.key}`).digest('base64url');
      bucket.sharedKey = `gateway:rate:{${hash.charAt(0)}}:${name}:${hash.slice(0, 22)}`;
    }
    return bucket.sharedKey;
  }

  async function run(keys: readonly string[], toleranceMs: number, costsMs: readonly number[]) {
    const args = [toleranceMs, ...costsMs].map((ms) => ms.toFixed(6));
    const reply = await count(redis, keys, args);
    if (!areNumbers(reply) || reply.length !== keys.length * 2)
      throw new Error('Redis replied to the rate limit script with an unexpected value');
    return reply;
  }

  return {
    async take(bucket, policy) {
      const reply = await run([keyOf(bucket, policy)], policy.toleranceMs, [policy.emissionIntervalMs]);
      return { admitted: reply[0] === 1, aheadMs: (reply[1] ?? 0) / 1_000 };
    },
    groups: (buckets, policy) => [
      ...Map.groupBy(buckets, (bucket) => keyOf(bucket, policy).charAt(GROUP_CHARACTER)).values(),
    ],
    async add(group, policy) {
      const keys = group.map((bucket) => keyOf(bucket, policy));
      const costsMs = group.map(({ unsyncedMs }) => unsyncedMs);
      const reply = await run(keys, WITHOUT_LIMIT, costsMs);
      return group.map((_, index) => (reply[index * 2 + 1] ?? 0) / 1_000);
    },
  };
}

const GROUP_CHARACTER = 'gateway:rate:{'.length;

const areNumbers = (reply: unknown): reply is number[] =>
  Array.isArray(reply) && reply.every((value) => typeof value === 'number');
