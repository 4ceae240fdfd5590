import type { Caller } from '../auth/caller';
import { defineProblem } from '../errors/problem';

export const SignInAgain = defineProblem('auth.sign-in-again', 401, 'Recent sign-in required');

/** How old a sign-in may be where a recent one is required. Seconds. */
export const RECENT_SIGN_IN_SECONDS = 300;

/**
 * What a route requires besides the access token: a recent sign-in, always or instead of the current password in the body
 * (`current_password`), which the handler then checks.
 */
export type RecentSignIn = true | 'or-password';

/** Written by the macro `recentSignIn` of `kit/http/access`, read by the documentation. */
export const RECENT_SIGN_IN_EXTENSION = 'x-recent-sign-in';

/** RFC 9470, section 3. */
const CHALLENGE = `Bearer error="insufficient_user_authentication", max_age=${RECENT_SIGN_IN_SECONDS}`;

/** @throws SignInAgain when the caller's sign-in is too old, however new the token is */
export function requireRecentSignIn(caller: Pick<Caller, 'signedInAt'>, accepted: RecentSignIn): void {
  if (Date.now() / 1000 - caller.signedInAt <= RECENT_SIGN_IN_SECONDS) return;
  const instead = accepted === 'or-password' ? ', or send your password as current_password' : '';
  throw new SignInAgain({
    detail: `Sign in again within the last ${RECENT_SIGN_IN_SECONDS / 60} minutes and use the new access token${instead}.`,
    headers: { 'www-authenticate': CHALLENGE },
  });
}

/** Whether a body has the password that the handler checks. */
export const hasPassword = (body: unknown): boolean =>
  typeof body === 'object' &&
  body !== null &&
  'current_password' in body &&
  typeof body.current_password === 'string';
