import { createHmac } from 'node:crypto';
import type { Redis } from '#kit/redis/client';
import { redisScript } from '#kit/redis/script';
import type { Meter, RatePolicy } from './rate-policy';

/** What all gateways have counted together, kept in Redis. Every call fails as a command does when Redis is away. */
export interface SharedMeters {
  /**
   * Counts one request, exactly.
   *
   * @returns whether it is admitted, and for how long what was used is ahead of the clock then
   */
  take(meter: Meter, policy: RatePolicy): Promise<{ admitted: boolean; aheadMs: number }>;
  /** The same meters in groups of which one call can tell: a cluster of Redis keeps those of a group on one server. */
  groups(meters: readonly Meter[], policy: RatePolicy): Meter[][];
  /** Adds what was admitted here (`unsharedMs`). @returns for how long what all have used is ahead of the clock, by meter */
  add(group: readonly Meter[], policy: RatePolicy): Promise<number[]>;
}

/**
 * GCRA on the clock of Redis, so that those of the gateways need not agree. A key lives as long as it says something.
 * Times are text with fractions; the answers are in whole microseconds, as Redis cuts fractions off.
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

/** @param secret keys in Redis are made with it: whoever reads them learns neither users nor addresses */
export function createSharedMeters(redis: Redis, secret: string): SharedMeters {
  /** The first character of the hash is what a cluster goes by: 64 groups, one call for each. */
  function keyOf(meter: Meter, { name }: RatePolicy): string {
    if (meter.sharedKey === '') {
      const hash = createHmac('sha256', secret).update(`rate limit ${meter.key}`).digest('base64url');
      meter.sharedKey = `gateway:rate:{${hash.charAt(0)}}:${name}:${hash.slice(0, 22)}`;
    }
    return meter.sharedKey;
  }

  async function run(keys: readonly string[], toleranceMs: number, costsMs: readonly number[]) {
    const args = [toleranceMs, ...costsMs].map((ms) => ms.toFixed(6));
    const answer = await count(redis, keys, args);
    if (!areNumbers(answer) || answer.length !== keys.length * 2)
      throw new Error('Redis answered a count with something else');
    return answer;
  }

  return {
    async take(meter, policy) {
      const answer = await run([keyOf(meter, policy)], policy.toleranceMs, [policy.costMs]);
      return { admitted: answer[0] === 1, aheadMs: (answer[1] ?? 0) / 1_000 };
    },
    groups: (meters, policy) => [
      ...Map.groupBy(meters, (meter) => keyOf(meter, policy).charAt(GROUP_CHARACTER)).values(),
    ],
    async add(group, policy) {
      const keys = group.map((meter) => keyOf(meter, policy));
      const costsMs = group.map(({ unsharedMs }) => unsharedMs);
      const answer = await run(keys, WITHOUT_LIMIT, costsMs);
      return group.map((_, index) => (answer[index * 2 + 1] ?? 0) / 1_000);
    },
  };
}

const GROUP_CHARACTER = 'gateway:rate:{'.length;

const areNumbers = (answer: unknown): answer is number[] =>
  Array.isArray(answer) && answer.every((value) => typeof value === 'number');
