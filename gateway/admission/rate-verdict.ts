import type { Problem } from '#kit/errors/problem';
import { remaining, waitMs } from '#kit/resilience/gcra';
import { RateLimited } from '../model/problems';
import { createRateHeaders } from './rate-headers';
import type { RateBucket, RatePolicy } from './rate-policy';

/** What a rate limit decides: header lines of the response, and the problem of a request over the limit. */
export interface RateVerdict {
  readonly headerLines: string;
  readonly problem: Problem | null;
}

/** Where no limit applies. */
export const UNLIMITED: RateVerdict = { headerLines: '', problem: null };

export interface RateVerdicts {
  admitted(bucket: RateBucket, nowMs: number): RateVerdict;
  rejected(bucket: RateBucket, nowMs: number): RateVerdict;
}

export function createRateVerdicts(policy: RatePolicy): RateVerdicts {
  const headers = createRateHeaders(policy);
  let lastAdmitted = UNLIMITED;
  return {
    admitted(bucket, nowMs) {
      const headerLines = headers.admitted(remaining(bucket, policy, nowMs));
      if (headerLines !== lastAdmitted.headerLines) lastAdmitted = { headerLines, problem: null };
      return lastAdmitted;
    },
    rejected(bucket, nowMs) {
      const seconds = retryAfterSeconds(waitMs(bucket, policy, nowMs));
      return { headerLines: headers.refused(seconds), problem: rateLimited(policy, seconds) };
    },
  };
}

const rateLimited = ({ name, perMinute }: RatePolicy, seconds: number): Problem =>
  new RateLimited({
    detail: `The limit "${name}" allows ${perMinute} requests a minute. Retry after ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });

/** Whole seconds for `Retry-After`, never so few that the next request would be rejected again. */
const retryAfterSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));
