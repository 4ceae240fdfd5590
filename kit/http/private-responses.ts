import { exchangeOf } from './exchange';

/** The value of `Cache-Control` for what is personal. */
export const PRIVATE = 'private, no-store';
/** May be kept by its client, and is checked before each use: a response with an entity tag. */
const PRIVATE_CHECKED = 'private, no-cache';
/** Members of a body that let their holder in. */
const CREDENTIALS = ['access_token', 'refresh_token', 'token', 'secret', 'client_secret'];

/** The part of Elysia's `set` that is read and written here. */
interface ResponseHeaders {
  readonly headers: Record<string, string | number | readonly string[] | undefined>;
  readonly cookie?: object | undefined;
}

/**
 * Says of a personal response that no cache may store it, unless its route says otherwise: of one to a request that was
 * authenticated, and of one that hands out a cookie or a credential (RFC 9111, section 5.2.2; OWASP ASVS 5, 14.3).
 *
 * @param response returned by the handler
 * @param set headers and cookies set by the handler
 */
export function keepPrivate(request: Request, response: unknown, set: ResponseHeaders): void {
  const { headers, cookie = {} } = set;
  const own = response instanceof Response ? response.headers : undefined;
  if (headers['cache-control'] !== undefined || own?.has('cache-control') === true) return;
  const { caller, callingService } = exchangeOf(request);
  const isPersonal =
    caller !== undefined ||
    callingService !== undefined ||
    headers['set-cookie'] !== undefined ||
    Object.keys(cookie).length > 0 ||
    own?.has('set-cookie') === true ||
    holdsCredential(response);
  if (!isPersonal) return;
  const hasTag = headers.etag !== undefined || own?.has('etag') === true;
  headers['cache-control'] = hasTag ? PRIVATE_CHECKED : PRIVATE;
}

/** Whether a body lets its reader in. @param response an object before it is written as JSON */
export const holdsCredential = (response: unknown): boolean =>
  typeof response === 'object' &&
  response !== null &&
  !(response instanceof Response) &&
  CREDENTIALS.some((name) => name in response);
