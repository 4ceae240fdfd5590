import { SESSION_IDLE_MS } from './rules';

const NAME = 'refresh_token';
const PLAIN_LOCALHOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** The refresh token a browser sends by itself, where it sends one. */
export function readRefreshCookie(request: Request): string | undefined {
  return new Bun.CookieMap(request.headers.get('cookie') ?? '').get(NAME) || undefined;
}

/** `Set-Cookie` with the refresh token, out of reach of scripts and sent to this service only. */
export const refreshCookie = (request: Request, refreshToken: string): string =>
  cookie(request, refreshToken, SESSION_IDLE_MS / 1000);

/** `Set-Cookie` that removes it. */
export const noRefreshCookie = (request: Request): string => cookie(request, '', 0);

const cookie = (request: Request, value: string, maxAge: number): string =>
  new Bun.Cookie({
    name: NAME,
    value,
    path: '/auth',
    httpOnly: true,
    sameSite: 'lax',
    secure: !isPlainLocalhost(request),
    maxAge,
  }).serialize();

/** A developer's browser, which takes no secure cookie from plain http. Whoever forges it weakens only their own. */
function isPlainLocalhost({ headers, url }: Request): boolean {
  const secure = headers.get('x-forwarded-proto') === 'https' || url.startsWith('https:');
  const host = headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host;
  return !secure && PLAIN_LOCALHOST.test(host);
}
