import { SESSION_IDLE_MS } from '../keys/rules';
import { RefreshRefused } from './model';

const NAME = 'refresh_token';
const PLAIN_LOCALHOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** What a browser sent, and how it reached this system. */
export interface Visit {
  /** The `Cookie` header. */
  readonly cookie?: string | undefined;
  readonly protocol?: 'http' | 'https' | undefined;
  readonly host?: string | undefined;
}

/** The visit of a request that came over HTTP: what the gateway says of it where it came by one. */
export function visitOf({ headers, url }: Request): Visit {
  const secure = headers.get('x-forwarded-proto') === 'https' || url.startsWith('https:');
  return {
    cookie: headers.get('cookie') ?? undefined,
    protocol: secure ? 'https' : 'http',
    host: headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host,
  };
}

/** The refresh token a browser sends by itself, where it sends one. */
export function readRefreshCookie(visit: Visit): string | undefined {
  return new Bun.CookieMap(visit.cookie ?? '').get(NAME) || undefined;
}

/**
 * Exchanges the refresh token that was sent, or else the cookie's. A cookie that is refused is removed: the browser would
 * go on sending it.
 *
 * @throws RefreshRefused also when there is neither
 */
export async function withRefreshToken<Result>(
  visit: Visit,
  sent: string | undefined,
  exchange: (refreshToken: string) => Promise<Result>,
): Promise<Result> {
  const refreshToken = sent ?? readRefreshCookie(visit);
  if (refreshToken === undefined) throw new RefreshRefused();
  try {
    return await exchange(refreshToken);
  } catch (failure) {
    if (failure instanceof RefreshRefused && sent === undefined)
      throw new RefreshRefused({ headers: { 'set-cookie': noRefreshCookie(visit) } });
    throw failure;
  }
}

/** `Set-Cookie` with the refresh token, out of reach of scripts and sent to this service only. */
export const refreshCookie = (visit: Visit, refreshToken: string): string =>
  cookie(visit, refreshToken, SESSION_IDLE_MS / 1000);

/** `Set-Cookie` that removes it. */
export const noRefreshCookie = (visit: Visit): string => cookie(visit, '', 0);

const cookie = (visit: Visit, value: string, maxAge: number): string =>
  new Bun.Cookie({
    name: NAME,
    value,
    path: '/auth',
    httpOnly: true,
    sameSite: 'lax',
    secure: !isPlainLocalhost(visit),
    maxAge,
  }).serialize();

/** A developer's browser, which takes no secure cookie from plain http. Whoever forges it weakens only their own. */
const isPlainLocalhost = ({ protocol, host }: Visit): boolean =>
  protocol === 'http' && host !== undefined && PLAIN_LOCALHOST.test(host);
