import { createHash } from 'node:crypto';
// One by one: the package's own entry loads the limiters of every database, five megabytes of them.
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRedis from 'rate-limiter-flexible/lib/RateLimiterRedis.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { networkOf } from '#kit/http/network';
import type { Redis } from '#kit/redis/client';
import { restAfterFailures } from '../keys/rules';
import { TooManyAttempts } from '../sessions/model';

/** Mastodon's: 25 sign-ins in five minutes from an address, 25 in an hour for an account. Good ones are given back. */
const PER_ADDRESS_SECONDS = 300;
const PER_ACCOUNT = { points: 25, duration: 3_600 };
/** Wrong passwords in a row are forgotten after a day without one. */
const IN_A_ROW = { points: 1_000_000, duration: 86_400 };
const REST = { points: 1, duration: 1 };
/** Each may bring a mail: enough for somebody who looks for it, too few to fill a mailbox. */
const RESETS_PER_ACCOUNT = { points: 3, duration: 900 };
const RESETS_PER_ADDRESS = { points: 10, duration: 900 };

export interface Attempt {
  /** Anything that tells accounts apart, whether they exist or not. */
  readonly account: string;
  readonly address: string;
}

/** Slows guessing down, by account and by address. Nobody is ever locked out for good. */
export interface Throttle {
  /**
   * Counts an attempt before it is made, so that many at once cannot slip through.
   *
   * @throws TooManyAttempts with the seconds to wait in `Retry-After`
   */
  admit(attempt: Attempt): Promise<void>;
  /** Gives a good attempt back, and forgets the wrong ones before it. */
  succeeded(attempt: Attempt): Promise<void>;
  /** Lets the account rest for longer with each wrong password. */
  failed(attempt: Attempt): Promise<void>;
  /** Ends an account's rest: its owner has proved to be that, and has a new password. */
  forget(account: string): Promise<void>;
}

/** Bounds how often a reset is asked for. */
export interface ResetThrottle {
  /** @throws TooManyAttempts with the seconds to wait in `Retry-After` */
  admit(attempt: Attempt): Promise<void>;
}

/**
 * Counts in Redis, where all instances see it; each for itself while Redis is away.
 *
 * @param perAddress attempts from one address in five minutes
 */
export function createThrottle(redis: Redis, perAddress: number): Throttle {
  const limiter = (name: string, limits: Limits) => createLimiter(redis, `auth:sign-in:${name}`, limits);
  const byAddress = limiter('address', { points: perAddress, duration: PER_ADDRESS_SECONDS });
  const byAccount = limiter('account', PER_ACCOUNT);
  const inARow = limiter('in-a-row', IN_A_ROW);
  const rest = limiter('rest', REST);

  return {
    async admit(attempt) {
      const { account, address } = keysOf(attempt);
      const resting = await rest.get(account);
      if (resting !== null && resting.consumedPoints > REST.points) throw tooMany(resting);
      await refuseBeyond(byAddress.consume(address));
      await refuseBeyond(byAccount.consume(account));
    },
    async succeeded(attempt) {
      const { account, address } = keysOf(attempt);
      await Promise.all([byAddress.reward(address), byAccount.reward(account), inARow.delete(account)]);
    },
    async failed(attempt) {
      const { account } = keysOf(attempt);
      const { consumedPoints } = await inARow.penalty(account);
      const seconds = restAfterFailures(consumedPoints);
      if (seconds > 0) await rest.block(account, seconds);
    },
    async forget(account) {
      await Promise.all([inARow.delete(digest(account)), rest.delete(digest(account))]);
    },
  };
}

/** Counts like `createThrottle`; nothing is given back, as each time costs a mail. */
export function createResetThrottle(redis: Redis): ResetThrottle {
  const byAddress = createLimiter(redis, 'auth:reset:address', RESETS_PER_ADDRESS);
  const byAccount = createLimiter(redis, 'auth:reset:account', RESETS_PER_ACCOUNT);
  return {
    async admit(attempt) {
      const { account, address } = keysOf(attempt);
      await refuseBeyond(byAddress.consume(address));
      await refuseBeyond(byAccount.consume(account));
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

async function refuseBeyond(consuming: Promise<unknown>): Promise<void> {
  try {
    await consuming;
  } catch (refusal) {
    throw refusal instanceof RateLimiterRes ? tooMany(refusal) : refusal;
  }
}

const tooMany = (refusal: RateLimiterRes) =>
  new TooManyAttempts({ headers: { 'retry-after': String(Math.ceil(refusal.msBeforeNext / 1000) || 1) } });

/** Hashed: whoever reads Redis learns neither names nor addresses of people. */
const keysOf = ({ account, address }: Attempt) => ({
  account: digest(account),
  address: digest(networkOf(address)),
});

const digest = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 22);
