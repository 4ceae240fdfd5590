import type { RateLimitName } from '#contracts/registry';
import { withTimeout } from '#kit/core/runtime';
import { networkOf } from '#kit/http/network';
import { take, waitMs } from '#kit/resilience/gcra';
import type { RateLimitParts } from './general-limit';
import { createRateBuckets } from './rate-buckets';
import { createRatePolicy, type RateBucket } from './rate-policy';
import { createRateVerdicts, type RateVerdict } from './rate-verdict';

/**
 * The limits of routes that check secrets or send mail, by address. They are exact: Redis counts before the request
 * proceeds, which is cheap compared with these routes. When it does not reply in time, this process decides by its own
 * counts.
 */
export interface StrictLimits {
  /** @returns null where the limit is disabled; a promise where Redis decides */
  check(name: RateLimitName, address: string): RateVerdict | Promise<RateVerdict> | null;
  /** Removes restored buckets. */
  sweep(): void;
}

export type StrictSettings = Readonly<Record<RateLimitName, number>>;

/** Redis replies within a millisecond; a client should not wait longer than this. */
const REDIS_TIMEOUT_MS = 100;

/** @param perMinute requests per address by limit; 0 disables it */
export function createStrictLimits(perMinute: StrictSettings, parts: RateLimitParts): StrictLimits {
  const limits = new Map<RateLimitName, StrictLimit>();
  const open = (name: RateLimitName) => {
    if (perMinute[name] > 0) limits.set(name, createStrictLimit(name, perMinute[name], parts));
  };
  open('sign-in');
  open('registration');
  open('password-reset');
  return {
    check: (name, address) => limits.get(name)?.check(address) ?? null,
    sweep() {
      for (const limit of limits.values()) limit.sweep();
    },
  };
}

interface StrictLimit {
  check(address: string): RateVerdict | Promise<RateVerdict>;
  sweep(): void;
}

function createStrictLimit(
  name: RateLimitName,
  perMinute: number,
  { shared, redis, clock }: RateLimitParts,
): StrictLimit {
  const policy = createRatePolicy(name, perMinute);
  const verdicts = createRateVerdicts(policy);
  const buckets = createRateBuckets();

  const verdict = (bucket: RateBucket, isAdmitted: boolean): RateVerdict =>
    isAdmitted ? verdicts.admitted(bucket, clock()) : verdicts.rejected(bucket, clock());

  const decideLocally = (bucket: RateBucket) => verdict(bucket, take(bucket, policy, clock()));

  /** The reply of Redis updates the local bucket, by which this process decides when Redis is unavailable. */
  async function takeShared(bucket: RateBucket): Promise<boolean> {
    const requestedAtMs = clock();
    const reply = shared.take(bucket, policy);
    const { admitted, aheadMs } = await withTimeout(reply, REDIS_TIMEOUT_MS, 'counting in Redis');
    bucket.theoreticalArrivalMs = Math.max(bucket.theoreticalArrivalMs, requestedAtMs + aheadMs);
    return admitted;
  }

  async function decideShared(bucket: RateBucket): Promise<RateVerdict> {
    try {
      return verdict(bucket, await redis.track(() => takeShared(bucket)));
    } catch {
      // Reported by `redis`.
      return decideLocally(bucket);
    }
  }

  return {
    check(address) {
      const bucket = buckets.of(networkOf(address));
      // Local usage is part of the shared usage: no need to query, and a flood does not reach Redis.
      if (waitMs(bucket, policy, clock()) > 0) return verdict(bucket, false);
      if (redis.isAvailable) return decideShared(bucket);
      const local = decideLocally(bucket);
      // A probe nobody waits for: when it succeeds, Redis is available again.
      redis.track(() => takeShared(bucket)).catch(() => undefined);
      return local;
    },
    sweep: () => buckets.sweep(clock()),
  };
}
