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
  /** Header lines of a response; each ends with CR LF. */
  headerLines(headers: HeaderList): string;
  /** Header lines that answer a preflight; null for any other request. */
  preflight(head: RequestHead): string | null;
}

export interface CrossOriginSettings {
  /** Exact origins, or `*` alone for every one. */
  readonly CORS_ORIGINS: readonly string[];
  /** Whether pages may send credentials. */
  readonly CORS_CREDENTIALS: boolean;
  /** Request fields pages may send besides the safelisted ones. */
  readonly CORS_ALLOWED_HEADERS: readonly string[];
}

export const ANY_ORIGIN = '*';

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

/**
 * @param allowed the methods of a path
 * @returns null where no origin is listed
 * @throws when credentials are allowed for every origin
 */
export function createCrossOrigin(
  settings: CrossOriginSettings,
  allowed: AllowedMethods,
): CrossOrigin | null {
  const { CORS_ORIGINS: origins, CORS_CREDENTIALS: credentials, CORS_ALLOWED_HEADERS: names } = settings;
  if (origins.length === 0) return null;
  const isOpen = origins.includes(ANY_ORIGIN);
  if (isOpen && credentials)
    throw new Error(
      'CORS_CREDENTIALS=true requires CORS_ORIGINS to list origins: with * any page could act on behalf of its visitor',
    );
  const credentialsLine = credentials ? 'Access-Control-Allow-Credentials: true\r\n' : '';
  const exposedLine = `Access-Control-Expose-Headers: ${EXPOSED_HEADERS.join(', ')}\r\n`;
  const openLines = `Access-Control-Allow-Origin: *\r\n${exposedLine}`;
  // Also where nothing is allowed: a cache must not serve one origin what was sent to another.
  const varyLine = 'Vary: Origin\r\n';
  const linesByOrigin = new Map(
    origins.map((origin) => [
      origin,
      `${varyLine}Access-Control-Allow-Origin: ${origin}\r\n${credentialsLine}${exposedLine}`,
    ]),
  );

  function preflight({ method, headers, target }: RequestHead): string | null {
    if (method !== 'OPTIONS') return null;
    const origin = fieldValue(headers, 'Origin');
    if (origin === null || !(isOpen || linesByOrigin.has(origin))) return null;
    if (fieldValue(headers, 'Access-Control-Request-Method') === null) return null;
    const path = readTarget(target)?.path;
    const methods = path === undefined ? [] : allowed(path);
    if (methods.length === 0) return null;
    const preflightVaryLine = 'Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n';
    const methodsLine = `Access-Control-Allow-Methods: ${methods.join(', ')}\r\n`;
    const headersLine = `Access-Control-Allow-Headers: ${names.join(', ')}\r\n`;
    return `${methodsLine}${headersLine}Access-Control-Max-Age: ${MAX_AGE_SECONDS}\r\n${preflightVaryLine}`;
  }

  return {
    headerLines(headers) {
      if (isOpen) return openLines;
      const origin = fieldValue(headers, 'Origin');
      return (origin === null ? undefined : linesByOrigin.get(origin)) ?? varyLine;
    },
    preflight,
  };
}

function fieldValue(headers: HeaderList, usualName: string): string | null {
  for (const [name, value] of headers) if (isField(name, usualName)) return value;
  return null;
}
