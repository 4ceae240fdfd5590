import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Runtime } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import type { Redis } from '#kit/redis/commands';
import { redisScript } from '#kit/redis/script';
import { type Count, counted, lifetimeMs, type Rule, waitMs } from './rules';

/** What is counted: under which rule, and whose. */
export interface Counted {
  readonly rule: Rule;
  /** Names the subject; only a keyed hash of it is stored. */
  readonly subject: readonly string[];
}

/**
 * Counts that all instances share in Redis. While Redis is unavailable each instance counts on its own, which multiplies
 * every limit by the number of instances; `/readyz` says so.
 */
export interface Counters {
  /** Milliseconds until each rule admits the next attempt. */
  waits(things: readonly Counted[]): Promise<number[]>;
  /** Counts one more under each rule. */
  count(things: readonly Counted[]): Promise<void>;
  /** Counts one more if the rule admits it. Two at the same time cannot both be the last. @returns whether it does */
  take(thing: Counted): Promise<boolean>;
  forget(things: readonly Counted[]): Promise<void>;
}

/** Each is some 200 bytes. */
const MAX_LOCAL_COUNTS = 20_000;
const PREFIX = 'auth:attempts:';

/**
 * The same arithmetic as `counted`. KEYS: the count; ARGV: now, whether to refuse what would exceed the most instead of
 * counting it, the leak, the most. Returns 1 when it was counted; amounts are kept to a millionth.
 */
const countInRedis = redisScript(`
local now, exact = tonumber(ARGV[1]), ARGV[2] == '1'
local leak, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = redis.call('HMGET', KEYS[1], 'amount', 'at')
local left = 0
if stored[1] then
  left = math.max(0, tonumber(stored[1]) - math.max(0, now - tonumber(stored[2])) / leak)
end
if exact and left + 1 > most + 0.00001 then return 0 end
local amount = math.min(most, left + 1)
redis.call('HSET', KEYS[1], 'amount', string.format('%.6f', amount), 'at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(amount * leak))
return 1
`);

/** @param secret the key of the hashes: without it nobody can tell from Redis whose attempts were counted */
export function openCounters(
  runtime: Runtime,
  redis: Redis,
  { secret, now }: { secret: Uint8Array; now: () => number },
): Counters {
  const local = localCounts(now);
  const keyOf = ({ rule, subject }: Counted) =>
    `${PREFIX}${createHmac('sha256', secret)
      .update(JSON.stringify([rule.name, ...subject]))
      .digest('base64url')}`;
  runtime.dependency({
    name: 'sign-in limits',
    required: false,
    async check() {
      if (!redis.isReady)
        throw new DependencyUnavailable({
          detail: 'Redis is unavailable: each instance counts failed sign-ins and reset requests on its own',
        });
      return undefined;
    },
  });

  /** @returns undefined where Redis does not answer: `openRedis` reports that */
  async function shared<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask();
    } catch (failure) {
      if (redis.isReady) runtime.log.warn({ err: String(failure) }, 'Counting attempts in Redis failed');
      return undefined;
    }
  }

  const count = ({ rule }: Counted, key: string, mode: 'exact' | 'always') =>
    countInRedis(redis, [key], [now(), mode === 'exact' ? 1 : 0, rule.leakMs, rule.most].map(String));

  return {
    async waits(things) {
      const keys = things.map(keyOf);
      const stored = await shared(() => Promise.all(keys.map((key) => redis.hmGet(key, ['amount', 'at']))));
      return things.map(({ rule }, index) =>
        waitMs(stored === undefined ? local.get(keys[index]) : countOf(stored[index]), rule, now()),
      );
    },
    async count(things) {
      const keyed = things.map((thing) => ({ thing, key: keyOf(thing) }));
      // Here as well, so that a failure of Redis lifts no limit.
      for (const { thing, key } of keyed) local.add(key, thing.rule);
      await shared(() => Promise.all(keyed.map(({ thing, key }) => count(thing, key, 'always'))));
    },
    async take(thing) {
      const key = keyOf(thing);
      const answer = await shared(() => count(thing, key, 'exact'));
      if (answer !== undefined) return answer === 1;
      if (waitMs(local.get(key), thing.rule, now()) > 0) return false;
      local.add(key, thing.rule);
      return true;
    },
    async forget(things) {
      const keys = things.map(keyOf);
      for (const key of keys) local.delete(key);
      await shared(() => Promise.all(keys.map((key) => redis.del(key))));
    },
  };
}

function localCounts(now: () => number) {
  const counts = new LRUCache<string, Count>({ max: MAX_LOCAL_COUNTS });
  return {
    get: (key = '') => counts.get(key),
    add(key = '', rule: Rule) {
      const count = counted(counts.get(key), rule, now());
      counts.set(key, count, { ttl: lifetimeMs(count, rule) });
    },
    delete: (key: string) => counts.delete(key),
  };
}

function countOf(stored: readonly (string | null)[] | undefined): Count | undefined {
  const [amount, at] = stored ?? [];
  return amount == null || at == null ? undefined : { amount: Number(amount), atMs: Number(at) };
}
