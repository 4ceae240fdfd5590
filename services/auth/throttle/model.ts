import { defineProblem } from '#kit/errors/problem';

export const TooManyAttempts = defineProblem('auth.too-many-attempts', 429, 'Too many attempts');

/** @param waitMs until the next attempt is admitted */
export const tooManyAttempts = (waitMs: number) =>
  new TooManyAttempts({
    detail:
      'Wait for the seconds in Retry-After, sign in on a device that you have used before, or reset the password.',
    headers: { 'retry-after': String(Math.ceil(waitMs / 1_000) || 1) },
  });
