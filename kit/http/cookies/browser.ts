import { Elysia } from 'elysia';
import { ANY_ORIGIN } from '../../config/urls';
import { defineProblem } from '../../errors/problem';

export const ForeignOrigin = defineProblem('request.foreign-origin', 403, 'Request from a foreign origin');

/** The header fields of a request that decide about cookies. */
export interface BrowserFields {
  /** `Cookie` */
  readonly cookie?: string | undefined;
  readonly protocol?: 'http' | 'https' | undefined;
  readonly host?: string | undefined;
  /** `Origin` */
  readonly origin?: string | undefined;
  /** `Sec-Fetch-Site` */
  readonly fetch_site?: string | undefined;
}

/**
 * The cookies of a request, which is from a page of our own or from no page at all. There is no other way to cookies: a
 * browser sends them with the requests of any page (cross-site request forgery).
 */
export interface Browser {
  readCookie(name: string): string | undefined;
  /** A `Set-Cookie` value: sent to this service only, and invisible to scripts. */
  writeCookie(cookie: { name: string; value: string; path: string; maxAgeSeconds: number }): string;
}

const LOCALHOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/**
 * @param trustedOrigins whose pages may call besides those of the requested host: the public one, and those of `CORS_ORIGINS`
 * @throws ForeignOrigin
 */
export function browserOf(fields: BrowserFields, trustedOrigins: readonly string[]): Browser {
  if (!isFromOwnPage(fields, trustedOrigins))
    throw new ForeignOrigin({
      detail: 'Pages of other origins may not use this route. List theirs in CORS_ORIGINS.',
    });
  return {
    readCookie: (name) => new Bun.CookieMap(fields.cookie ?? '').get(name) || undefined,
    writeCookie: ({ maxAgeSeconds, ...cookie }) =>
      new Bun.Cookie({
        ...cookie,
        httpOnly: true,
        sameSite: 'lax',
        secure: !isPlainLocalhost(fields),
        maxAge: maxAgeSeconds,
      }).serialize(),
  };
}

/**
 * The route option `browser: true`: rejects requests of foreign pages before anything else, and gives the handler
 * `browser` with the cookies.
 */
export const browsers = (trustedOrigins: readonly string[]) =>
  new Elysia({ name: 'browsers' }).macro('browser', {
    transform: ({ request }) => void browserOf(fieldsOf(request), trustedOrigins),
    resolve: ({ request }) => ({ browser: browserOf(fieldsOf(request), trustedOrigins) }),
  });

/**
 * The browser of a request for a page. A page may be opened from anywhere, by a link in a mail for example; its forms are sent
 * from pages of our own alone.
 *
 * @throws ForeignOrigin for a form of a foreign page
 */
export function pageBrowserOf(request: Request, trustedOrigins: readonly string[]): Browser {
  const { origin, fetch_site, ...fields } = fieldsOf(request);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  return browserOf(isRead ? fields : { ...fields, origin, fetch_site }, trustedOrigins);
}

/** With the protocol and host that the gateway forwards. */
function fieldsOf({ headers, url }: Request): BrowserFields {
  const secure = headers.get('x-forwarded-proto') === 'https' || url.startsWith('https:');
  return {
    cookie: headers.get('cookie') ?? undefined,
    protocol: secure ? 'https' : 'http',
    host: headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host,
    origin: headers.get('origin') ?? undefined,
    fetch_site: headers.get('sec-fetch-site') ?? undefined,
  };
}

/** Browsers send `Origin` with every POST, PATCH and DELETE (Fetch, 3.1), and name the relation of the sites since 2023. */
function isFromOwnPage(
  { cookie, protocol, host, origin, fetch_site }: BrowserFields,
  trusted: readonly string[],
) {
  if (origin !== undefined && trusted.includes(origin)) return true;
  // Browsers then send no cookies with requests of other origins (`CORS_CREDENTIALS`).
  if (trusted.includes(ANY_ORIGIN) && cookie === undefined) return true;
  // Of a page that tells nobody its address (`no-referrer`; Fetch, 3.1). A sandboxed page is of no site.
  if (origin === 'null') return fetch_site === 'same-origin';
  const isOwn = origin === undefined || origin === `${protocol}://${host}`;
  return isOwn && fetch_site !== 'cross-site';
}

/** In development: browsers drop secure cookies from plain HTTP. A forged host weakens only the sender's own cookie. */
const isPlainLocalhost = ({ protocol, host }: BrowserFields): boolean =>
  protocol === 'http' && host !== undefined && LOCALHOST.test(host);
