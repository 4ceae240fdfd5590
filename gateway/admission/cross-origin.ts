import { isField } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';
import type { Decision } from '../model/decision';
import type { RequestContext } from '../model/request-context';
import type { AllowedMethods } from '../routing/allowed-methods';
import { readTarget } from '../routing/path';

/** Pages of which other sites may read what is answered here (CORS; the Fetch standard, 3.3). */
export interface CrossOrigin {
  /**
   * Adds the header lines of a response, and takes over the question a browser asks beforehand (a preflight).
   *
   * An origin that is not listed is nobody special: its requests go on, its preflights are answered as any OPTIONS is,
   * and no header says that a page may read the answer. That refuses it, and it is all a server can do: who does not
   * keep to it is no browser.
   */
  apply(context: RequestContext, decision: Decision): Decision;
}

export interface CrossOriginSettings {
  /** Exact, or `*` alone for every one. */
  readonly CORS_ORIGINS: readonly string[];
  /** Whether pages may send cookies along. */
  readonly CORS_CREDENTIALS: boolean;
  /** What pages may send besides what they always may. */
  readonly CORS_ALLOWED_HEADERS: readonly string[];
}

export const ANY_ORIGIN = '*';

/** How long browsers may remember the answer to a preflight. */
const MAX_AGE_SECONDS = 600;

/** What pages get to read besides the headers they always may. */
const EXPOSED_HEADERS = [
  ...['ETag', 'Link', 'Location', 'Content-Disposition', 'Retry-After', 'RateLimit', 'RateLimit-Policy'],
  ...['WWW-Authenticate', 'X-Request-ID', 'X-Registry-Revision', 'Idempotency-Replayed'],
  ...['Tus-Resumable', 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size'],
  ...['Upload-Offset', 'Upload-Length', 'Upload-Expires', 'Upload-Metadata'],
];

/**
 * @param allowed with which methods a path is answered
 * @returns null where no origin is listed
 * @throws when cookies are to come from every origin
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
      'CORS_CREDENTIALS=true needs CORS_ORIGINS to name them: with * any page could act for whoever looks at it',
    );
  const credentialsLine = credentials ? 'Access-Control-Allow-Credentials: true\r\n' : '';
  const exposedLine = `Access-Control-Expose-Headers: ${EXPOSED_HEADERS.join(', ')}\r\n`;
  const openLines = `Access-Control-Allow-Origin: *\r\n${exposedLine}`;
  // Also where nothing is allowed: a cache must not give one origin what was answered to another.
  const closedLines = 'Vary: Origin\r\n';
  const linesOf = new Map(
    origins.map((origin) => [
      origin,
      `${closedLines}Access-Control-Allow-Origin: ${origin}\r\n${credentialsLine}${exposedLine}`,
    ]),
  );

  function preflight(context: RequestContext): Decision | null {
    const { headers, target } = context.request.head;
    if (fieldValue(headers, 'Access-Control-Request-Method') === null) return null;
    const path = readTarget(target)?.path;
    const methods = path === undefined ? [] : allowed(path);
    if (methods.length === 0) return null;
    const varyLine = 'Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n';
    const methodsLine = `Access-Control-Allow-Methods: ${methods.join(', ')}\r\n`;
    const headersLine = `Access-Control-Allow-Headers: ${names.join(', ')}\r\n`;
    const lines = `${methodsLine}${headersLine}Access-Control-Max-Age: ${MAX_AGE_SECONDS}\r\n${varyLine}`;
    return { kind: 'options', lines };
  }

  return {
    apply(context, decision) {
      context.decidesCrossOrigin = true;
      const { method, headers } = context.request.head;
      const origin = fieldValue(headers, 'Origin');
      const lines = isOpen ? openLines : origin === null ? undefined : linesOf.get(origin);
      context.responseLines += lines ?? closedLines;
      if (method !== 'OPTIONS' || origin === null || lines === undefined) return decision;
      return preflight(context) ?? decision;
    },
  };
}

function fieldValue(headers: HeaderList, usualName: string): string | null {
  for (const [name, value] of headers) if (isField(name, usualName)) return value;
  return null;
}
