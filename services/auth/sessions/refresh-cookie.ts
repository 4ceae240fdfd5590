import { InvalidRefreshToken } from './model';
import { SESSION_IDLE_MS } from './rules';

const NAME = 'refresh_token';
const LOCALHOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** The part of a browser's request that decides about cookies. */
export interface BrowserRequest {
  /** The `Cookie` header. */
  readonly cookie?: string | undefined;
  readonly protocol?: 'http' | 'https' | undefined;
  readonly host?: string | undefined;
}

/** Reads an HTTP request, with the protocol and host that the gateway forwards. */
export function browserRequestOf({ headers, url }: Request): BrowserRequest {
  const secure = headers.get('x-forwarded-proto') === 'https' || url.startsWith('https:');
  return {
    cookie: headers.get('cookie') ?? undefined,
    protocol: secure ? 'https' : 'http',
    host: headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host,
  };
}

/** The refresh token in the cookie, if any. */
export function readRefreshCookie(request: BrowserRequest): string | undefined {
  return new Bun.CookieMap(request.cookie ?? '').get(NAME) || undefined;
}

/**
 * Exchanges the refresh token in the body, or else the one in the cookie. A rejected cookie is deleted: the browser would
 * keep sending it.
 *
 * @throws InvalidRefreshToken, also if there is no token
 */
export async function withRefreshToken<Result>(
  request: BrowserRequest,
  tokenInBody: string | undefined,
  exchange: (refreshToken: string) => Promise<Result>,
): Promise<Result> {
  const refreshToken = tokenInBody ?? readRefreshCookie(request);
  if (refreshToken === undefined) throw new InvalidRefreshToken();
  try {
    return await exchange(refreshToken);
  } catch (failure) {
    if (failure instanceof InvalidRefreshToken && tokenInBody === undefined)
      throw new InvalidRefreshToken({ headers: { 'set-cookie': expiredRefreshCookie(request) } });
    throw failure;
  }
}

/** `Set-Cookie` with the refresh token: invisible to scripts, and sent to this service only. */
export const refreshCookie = (request: BrowserRequest, refreshToken: string): string =>
  cookie(request, refreshToken, SESSION_IDLE_MS / 1000);

/** `Set-Cookie` that deletes the cookie. */
export const expiredRefreshCookie = (request: BrowserRequest): string => cookie(request, '', 0);

const cookie = (request: BrowserRequest, value: string, maxAgeSeconds: number): string =>
  new Bun.Cookie({
    name: NAME,
    value,
    path: '/auth',
    httpOnly: true,
    sameSite: 'lax',
    secure: !isPlainLocalhost(request),
    maxAge: maxAgeSeconds,
  }).serialize();

/** In development: browsers drop secure cookies from plain HTTP. A forged host weakens only the sender's own cookie. */
const isPlainLocalhost = ({ protocol, host }: BrowserRequest): boolean =>
  protocol === 'http' && host !== undefined && LOCALHOST.test(host);
