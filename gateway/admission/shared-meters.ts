import { createHmac } from 'node:crypto';
import type { Redis } from '#kit/redis';
import { redisScript } from '#kit/redis-script';
import type { Meter, RatePolicy } from './rate-policy';

/** What all gateways have counted together, kept in Redis. Every call fails as a command does when Redis is away. */
export interface SharedMeters {
  /**
   * Counts one request, exactly.
   *
   * @returns whether it is admitted, and for how long what was used is ahead of the clock then
   */
  take(meter: Meter, policy: RatePolicy): Promise<{ admitted: boolean; aheadMs: number }>;
  /** Adds what was admitted here. @returns for how long what all have used is ahead of the clock */
  add(meter: Meter, policy: RatePolicy, usedMs: number): Promise<number>;
}

/**
 * GCRA on the clock of Redis, so that those of the gateways need not agree. A key lives as long as it says something.
 * Times are text with fractions; the answer is in whole microseconds, as Redis cuts fractions off.
 */
const count = redisScript(`
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local restoredAt = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
  local after = restoredAt + tonumber(ARGV[1])
  local tolerance = tonumber(ARGV[2])
  if tolerance > 0 and after - now > tolerance then
    return { 0, math.floor((restoredAt - now) * 1000) }
  end
  redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now))
  return { 1, math.floor((after - now) * 1000) }
`);
const WITHOUT_LIMIT = 0;

/** @param secret keys in Redis are made with it: whoever reads them learns neither users nor addresses */
export function createSharedMeters(redis: Redis, secret: string): SharedMeters {
  function keyOf(meter: Meter, { name }: RatePolicy): string {
    if (meter.sharedKey === '') {
      const hash = createHmac('sha256', secret).update(`rate limit ${meter.key}`).digest('base64url');
      meter.sharedKey = `gateway:rate:{${name}:${hash.slice(0, 22)}}`;
    }
    return meter.sharedKey;
  }

  async function run(meter: Meter, policy: RatePolicy, costMs: number, toleranceMs: number) {
    const args = [costMs.toFixed(6), toleranceMs.toFixed(6)];
    const answer = await count(redis, [keyOf(meter, policy)], args);
    const [admitted, aheadMicroseconds] = Array.isArray(answer) ? answer : [];
    if (typeof admitted !== 'number' || typeof aheadMicroseconds !== 'number')
      throw new Error('Redis answered a count with something else');
    return { admitted: admitted === 1, aheadMs: aheadMicroseconds / 1_000 };
  }

  return {
    take: (meter, policy) => run(meter, policy, policy.costMs, policy.toleranceMs),
    add: async (meter, policy, usedMs) => (await run(meter, policy, usedMs, WITHOUT_LIMIT)).aheadMs,
  };
}
