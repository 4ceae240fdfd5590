import { createHash } from 'node:crypto';
// Imported one by one: the package's entry point loads the limiters of every database, five megabytes of them.
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRedis from 'rate-limiter-flexible/lib/RateLimiterRedis.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { networkOf } from '#kit/http/network';
import type { Redis } from '#kit/redis/client';
import type { Attempt, ResetThrottle, Throttle } from '../deps';
import { TooManyAttempts } from './model';
import { blockSeconds } from './rules';

/** Mastodon's limits: 25 sign-ins in five minutes per address and 25 in an hour per account. Successes are refunded. */
const PER_ADDRESS_SECONDS = 300;
const PER_ACCOUNT = { points: 25, duration: 3_600 };
/** Consecutive failures are forgotten after a day without one. */
const CONSECUTIVE_FAILURES = { points: 1_000_000, duration: 86_400 };
const BLOCK = { points: 1, duration: 1 };
/** Each request may send a mail: enough to find one, too few to flood a mailbox. */
const RESETS_PER_ACCOUNT = { points: 3, duration: 900 };
const RESETS_PER_ADDRESS = { points: 10, duration: 900 };

/**
 * Counts in Redis, shared by all instances; each instance counts on its own while Redis is unavailable.
 *
 * @param perAddress attempts from one address in five minutes
 */
export function createThrottle(redis: Redis, perAddress: number): Throttle {
  const limiter = (name: string, limits: Limits) => createLimiter(redis, `auth:sign-in:${name}`, limits);
  const byAddress = limiter('address', { points: perAddress, duration: PER_ADDRESS_SECONDS });
  const byAccount = limiter('account', PER_ACCOUNT);
  const failures = limiter('in-a-row', CONSECUTIVE_FAILURES);
  const block = limiter('rest', BLOCK);

  return {
    async admit(attempt) {
      const { account, address } = keysOf(attempt);
      const blocked = await block.get(account);
      if (blocked !== null && blocked.consumedPoints > BLOCK.points) throw tooMany(blocked);
      await orTooMany(byAddress.consume(address));
      await orTooMany(byAccount.consume(account));
    },
    async succeeded(attempt) {
      const { account, address } = keysOf(attempt);
      await Promise.all([byAddress.reward(address), byAccount.reward(account), failures.delete(account)]);
    },
    async failed(attempt) {
      const { account } = keysOf(attempt);
      const { consumedPoints } = await failures.penalty(account);
      const seconds = blockSeconds(consumedPoints);
      if (seconds > 0) await block.block(account, seconds);
    },
    async unblock(account) {
      await Promise.all([failures.delete(digest(account)), block.delete(digest(account))]);
    },
  };
}

/** Counts like `createThrottle`, without refunds: each request may send a mail. */
export function createResetThrottle(redis: Redis): ResetThrottle {
  const byAddress = createLimiter(redis, 'auth:reset:address', RESETS_PER_ADDRESS);
  const byAccount = createLimiter(redis, 'auth:reset:account', RESETS_PER_ACCOUNT);
  return {
    async admit(attempt) {
      const { account, address } = keysOf(attempt);
      await orTooMany(byAddress.consume(address));
      await orTooMany(byAccount.consume(account));
    },
  };
}

interface Limits {
  readonly points: number;
  readonly duration: number;
}

const createLimiter = (redis: Redis, keyPrefix: string, limits: Limits) =>
  new RateLimiterRedis({
    ...limits,
    storeClient: redis,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    keyPrefix,
    insuranceLimiter: new RateLimiterMemory({ ...limits, keyPrefix }),
  });

async function orTooMany(consuming: Promise<unknown>): Promise<void> {
  try {
    await consuming;
  } catch (rejection) {
    throw rejection instanceof RateLimiterRes ? tooMany(rejection) : rejection;
  }
}

const tooMany = ({ msBeforeNext }: RateLimiterRes) =>
  new TooManyAttempts({ headers: { 'retry-after': String(Math.ceil(msBeforeNext / 1000) || 1) } });

/** Hashed, so that Redis contains neither names nor addresses. */
const keysOf = ({ account, address }: Attempt) => ({
  account: digest(account),
  address: digest(networkOf(address)),
});

const digest = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 22);
