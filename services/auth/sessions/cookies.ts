import type { RequestLifetime } from '#kit/core/queues/work-queue';
import type { Client } from '#kit/http/client-address';
import type { Browser } from '#kit/http/cookies/browser';
import { DEVICE_COOKIE, deviceCookie } from '#kit/http/cookies/device';
import { InvalidRefreshToken } from './model';
import { SESSION_IDLE_MS } from './rules';

const REFRESH_TOKEN = 'refresh_token';
const PATH = '/auth';

/** Where a request comes from. */
export interface Requester {
  readonly client: Client;
  /** The value of the device cookie. */
  readonly device: string | undefined;
  readonly lifetime: RequestLifetime;
}

/** @param lifetime of the `Request` or of the call */
export const requesterOf = (
  browser: Browser,
  client: Client,
  { signal, deadline }: RequestLifetime,
): Requester => ({
  client,
  device: browser.readCookie(DEVICE_COOKIE),
  lifetime: { signal, deadline },
});

/** The refresh token in the cookie, if any. */
export const readRefreshCookie = (browser: Browser): string | undefined => browser.readCookie(REFRESH_TOKEN);

/**
 * Exchanges the refresh token in the body, or else the one in the cookie. A rejected cookie is deleted: the browser would
 * keep sending it.
 *
 * @throws InvalidRefreshToken, also if there is no token
 */
export async function withRefreshToken<Result>(
  browser: Browser,
  tokenInBody: string | undefined,
  exchange: (refreshToken: string) => Promise<Result>,
): Promise<Result> {
  const refreshToken = tokenInBody ?? readRefreshCookie(browser);
  if (refreshToken === undefined) throw new InvalidRefreshToken();
  try {
    return await exchange(refreshToken);
  } catch (failure) {
    if (failure instanceof InvalidRefreshToken && tokenInBody === undefined)
      throw new InvalidRefreshToken({ headers: { 'set-cookie': expiredRefreshCookie(browser) } });
    throw failure;
  }
}

/** `Set-Cookie` with the refresh token. */
const refreshCookie = (browser: Browser, value: string): string =>
  browser.writeCookie({ name: REFRESH_TOKEN, value, path: PATH, maxAgeSeconds: SESSION_IDLE_MS / 1000 });

/** `Set-Cookie` that deletes the cookie. */
export const expiredRefreshCookie = (browser: Browser): string =>
  browser.writeCookie({ name: REFRESH_TOKEN, value: '', path: PATH, maxAgeSeconds: 0 });

/** The `Set-Cookie` values of a sign-in or refresh. */
export const cookiesOf = (browser: Browser, issued: { refreshToken?: string; device?: string }): string[] => [
  ...(issued.refreshToken === undefined ? [] : [refreshCookie(browser, issued.refreshToken)]),
  ...(issued.device === undefined ? [] : [deviceCookie(browser, issued.device, PATH)]),
];

/** The part of Elysia's `set` that cookies need. */
export interface CookieSet {
  status?: number | string;
  headers: { 'cache-control'?: string | number; 'set-cookie'?: string | string[] };
}

/** Responds with tokens, never cached (RFC 6749, section 5.1), and with the refresh token in a cookie as well. */
export function withCookies<Value extends { refresh_token: string }>(
  set: CookieSet,
  browser: Browser,
  value: Value,
  device?: string,
): Value {
  set.headers['cache-control'] = 'no-store';
  set.headers['set-cookie'] = cookiesOf(browser, {
    refreshToken: value.refresh_token,
    ...(device !== undefined && { device }),
  });
  return value;
}
