import type { RateLimitName } from '#contracts/registry';
import { withTimeout } from '#kit/core/runtime';
import type { Problem } from '#kit/errors/problem';
import { networkOf } from '#kit/http/network';
import { createMeters } from './rate-buckets';
import { createRateHeaders } from './rate-headers';
import { rateLimited, retryAfterSeconds } from './rate-limit-problem';
import { createRatePolicy, type Meter, remaining, take, waitMs } from './rate-policy';
import type { Sharing } from './redis-availability';
import type { SharedMeters } from './shared-buckets';

/** What a strict limit says of a request: its header lines, and the problem when it is one too many. */
export interface Verdict {
  readonly lines: string;
  readonly problem: Problem | null;
}

/**
 * The limits of routes on which secrets are guessed or mail is sent, by address. They are exact: Redis is asked before
 * the request goes on, which is little beside what these routes cost. What it does not answer in time this process
 * decides by what it has counted itself.
 */
export interface StrictLimits {
  /** @returns null where the limit is switched off; at once where this process can tell, otherwise when Redis has */
  ask(name: RateLimitName, address: string): Verdict | Promise<Verdict> | null;
  /** Forgets those who have everything back. */
  sweep(): void;
}

export type StrictSettings = Readonly<Record<RateLimitName, number>>;

/** Redis answers within a millisecond; longer than this nobody should wait for it. */
const ANSWER_MS = 100;

/**
 * @param perMinute requests of one address by limit; 0 switches it off
 * @param clock milliseconds, ever increasing
 */
export function createStrictLimits(
  perMinute: StrictSettings,
  parts: { shared: SharedMeters; sharing: Sharing; clock: () => number },
): StrictLimits {
  const limits = new Map<RateLimitName, StrictLimit>();
  const open = (name: RateLimitName) => {
    if (perMinute[name] > 0) limits.set(name, createStrictLimit(name, perMinute[name], parts));
  };
  open('sign-in');
  open('registration');
  open('password-reset');
  return {
    ask: (name, address) => limits.get(name)?.ask(address) ?? null,
    sweep() {
      for (const limit of limits.values()) limit.sweep();
    },
  };
}

interface StrictLimit {
  ask(address: string): Verdict | Promise<Verdict>;
  sweep(): void;
}

function createStrictLimit(
  name: RateLimitName,
  perMinute: number,
  parts: { shared: SharedMeters; sharing: Sharing; clock: () => number },
): StrictLimit {
  const { shared, sharing, clock } = parts;
  const policy = createRatePolicy(name, perMinute);
  const headers = createRateHeaders(policy);
  const meters = createMeters();

  function verdict(meter: Meter, admitted: boolean): Verdict {
    const nowMs = clock();
    if (admitted) return { lines: headers.admitted(remaining(meter, policy, nowMs)), problem: null };
    const seconds = retryAfterSeconds(waitMs(meter, policy, nowMs));
    return { lines: headers.refused(seconds), problem: rateLimited(policy, seconds) };
  }

  const decideAlone = (meter: Meter) => verdict(meter, take(meter, policy, clock()));

  /** What Redis answers is kept: it is what this process goes by when Redis is gone. */
  async function takeShared(meter: Meter): Promise<boolean> {
    const askedAtMs = clock();
    const asked = shared.take(meter, policy);
    const { admitted, aheadMs } = await withTimeout(asked, ANSWER_MS, 'counting in Redis');
    meter.restoredAtMs = Math.max(meter.restoredAtMs, askedAtMs + aheadMs);
    return admitted;
  }

  async function decideTogether(meter: Meter): Promise<Verdict> {
    try {
      return verdict(meter, await sharing.attempt(() => takeShared(meter)));
    } catch {
      // Why is known to `sharing`.
      return decideAlone(meter);
    }
  }

  return {
    ask(address) {
      const meter = meters.of(networkOf(address));
      // What was used here was used by all: no need to ask, and a flood stays away from Redis.
      if (waitMs(meter, policy, clock()) > 0) return verdict(meter, false);
      if (sharing.works) return decideTogether(meter);
      const alone = decideAlone(meter);
      // Nobody waits for it; when it is answered, Redis is back.
      sharing.attempt(() => takeShared(meter)).catch(() => undefined);
      return alone;
    },
    sweep: () => meters.sweep(clock()),
  };
}
