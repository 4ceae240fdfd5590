import { ANY_ORIGIN } from '#kit/config/urls';
import { isField } from '../http1/field-lines';
import type { HeaderList, RequestHead } from '../http1/message';
import type { AllowedMethods } from '../routing/allowed-methods';
import { readTarget } from '../routing/path';

/**
 * Cross-origin resource sharing (the Fetch standard, 3.3).
 *
 * Requests of an unlisted origin are processed, its preflights are answered as any OPTIONS is, and no header allows a page
 * to read the response. That denies access, and it is all a server can do: a client that ignores it is no browser.
 */
export interface CrossOrigin {
  /**
   * Header lines of a response; each ends with CR LF.
   *
   * @param isPublic whether the route is registered with `cors: "public"`: any origin, no credentials
   */
  headerLines(headers: HeaderList, isPublic: boolean): string;
  /** Header lines that answer a preflight; null for any other request. */
  preflight(head: RequestHead): string | null;
}

/** What the routes say about a path. */
export interface CrossOriginRoutes {
  readonly allowed: AllowedMethods;
  readonly isPublic: (method: string, path: string) => boolean;
}

export interface CrossOriginSettings {
  /** Exact origins, or `*` alone for every one. */
  readonly CORS_ORIGINS: readonly string[];
  /** Whether pages may send credentials. */
  readonly CORS_CREDENTIALS: boolean;
  /** Request fields pages may send besides the safelisted ones. */
  readonly CORS_ALLOWED_HEADERS: readonly string[];
}

/** How long browsers may cache the response to a preflight. */
const MAX_AGE_SECONDS = 600;

/** Response fields pages may read besides the safelisted ones. */
const EXPOSED_HEADERS = [
  ...[
    'ETag',
    'Link',
    'Location',
    'Content-Location',
    'Content-Disposition',
    'Retry-After',
    'RateLimit',
    'RateLimit-Policy',
  ],
  ...['WWW-Authenticate', 'X-Request-ID', 'X-Registry-Revision', 'Idempotency-Replayed'],
  ...['Tus-Resumable', 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size'],
  ...['Upload-Offset', 'Upload-Length', 'Upload-Expires', 'Upload-Metadata'],
];

/** @throws when credentials are allowed for every origin */
export function createCrossOrigin(settings: CrossOriginSettings, routes: CrossOriginRoutes): CrossOrigin {
  const { CORS_ORIGINS: origins, CORS_CREDENTIALS: credentials, CORS_ALLOWED_HEADERS: names } = settings;
  const isOpen = origins.includes(ANY_ORIGIN);
  if (isOpen && credentials)
    throw new Error(
      'CORS_CREDENTIALS=true requires CORS_ORIGINS to list origins: with * any page could act on behalf of its visitor',
    );
  const credentialsLine = credentials ? 'Access-Control-Allow-Credentials: true\r\n' : '';
  const exposedLine = `Access-Control-Expose-Headers: ${EXPOSED_HEADERS.join(', ')}\r\n`;
  const openLines = `Access-Control-Allow-Origin: *\r\n${exposedLine}`;
  // Also where nothing is allowed: a cache must not serve one origin what was sent to another.
  const varyLine = origins.length === 0 ? '' : 'Vary: Origin\r\n';
  const linesByOrigin = new Map(
    origins.map((origin) => [
      origin,
      `${varyLine}Access-Control-Allow-Origin: ${origin}\r\n${credentialsLine}${exposedLine}`,
    ]),
  );
  const preflightLines =
    `Access-Control-Allow-Headers: ${names.join(', ')}\r\nAccess-Control-Max-Age: ${MAX_AGE_SECONDS}\r\n` +
    'Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n';

  function headerLines(headers: HeaderList, isPublic: boolean): string {
    if (isOpen || isPublic) return openLines;
    if (linesByOrigin.size === 0) return '';
    const origin = fieldValue(headers, 'Origin');
    return (origin === null ? undefined : linesByOrigin.get(origin)) ?? varyLine;
  }

  function preflight({ method, headers, target }: RequestHead): string | null {
    if (method !== 'OPTIONS') return null;
    const origin = fieldValue(headers, 'Origin');
    const requested = fieldValue(headers, 'Access-Control-Request-Method');
    const path = readTarget(target)?.path;
    if (origin === null || requested === null || path === undefined) return null;
    const isPublic = routes.isPublic(requested, path);
    if (!(isPublic || isOpen || linesByOrigin.has(origin))) return null;
    // To any origin only what is public: a browser sends what a preflight has allowed, before it hides the response.
    const methods = routes.allowed(path).filter((one) => !isPublic || routes.isPublic(one, path));
    if (methods.length === 0) return null;
    const methodsLine = `Access-Control-Allow-Methods: ${methods.join(', ')}\r\n`;
    return headerLines(headers, isPublic) + methodsLine + preflightLines;
  }

  return { headerLines, preflight };
}

/** Whether a browser asks for permission (the Fetch standard, 3.3.2). */
export const isPreflight = ({ method, headers }: RequestHead): boolean =>
  method === 'OPTIONS' &&
  fieldValue(headers, 'Origin') !== null &&
  fieldValue(headers, 'Access-Control-Request-Method') !== null;

function fieldValue(headers: HeaderList, usualName: string): string | null {
  for (const [name, value] of headers) if (isField(name, usualName)) return value;
  return null;
}
