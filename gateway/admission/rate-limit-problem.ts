import type { Problem } from '#kit/errors/problem';
import { RateLimited } from '../model/problems';
import type { RatePolicy } from './rate-policy';

export const rateLimited = ({ name, perMinute }: RatePolicy, retryAfterSeconds: number): Problem =>
  new RateLimited({
    detail: `The limit "${name}" allows ${perMinute} requests a minute.`,
    headers: { 'retry-after': String(retryAfterSeconds) },
  });

/** Seconds as `Retry-After` has them: whole, and never so few that the next request would be refused again. */
export const retryAfterSeconds = (waitMs: number): number => Math.max(1, Math.ceil(waitMs / 1_000));
