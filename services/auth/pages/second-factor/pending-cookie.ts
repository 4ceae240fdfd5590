import type { Browser } from '#kit/http/cookies/browser';
import type { PendingSignIn } from '../../second-factors/model';
import { seeOther } from '../next';
import type { Visitor } from '../visitor';

/** The page between the password and the session. */
export const SECOND_FACTOR = '/auth/sign-in/second-factor';
/** The token of the sign-in that waits: in no address and no page. */
const COOKIE = 'pending_sign_in';

export const readPending = (browser: Browser): string | undefined => browser.readCookie(COOKIE);

/** Goes on to the page that asks for the second factor. */
export function toSecondFactor(
  { browser }: Pick<Visitor, 'browser'>,
  { token, expires_in }: PendingSignIn,
  next: string | undefined,
): Response {
  const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
  const cookie = { name: COOKIE, value: token, path: SECOND_FACTOR, maxAgeSeconds: expires_in };
  return seeOther(`${SECOND_FACTOR}${query}`, [browser.writeCookie(cookie)]);
}
