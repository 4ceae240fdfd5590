import { isProxyField } from '#kit/http/forwarding/gateway-token';
import { isField } from '../http1/field-lines';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { RequestContext } from './request-context';

/** Hop-by-hop fields (RFC 9110, 7.6.1, and those of RFC 2616, 13.5.1); never forwarded. */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
];

/** Request fields that are dropped, besides those that only a trusted proxy may set: the gateway writes them itself. */
const DROPPED_FROM_CLIENTS = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'expect',
  'host',
  // CGI programs would read it as the environment variable HTTP_PROXY (httpoxy, CVE-2016-5385).
  'proxy',
  // Extensions change the bytes of frames, and are negotiated between the two ends of one connection.
  'sec-websocket-extensions',
  'traceparent',
  'x-request-id',
]);

const DROPPED_FROM_UPSTREAMS = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'sec-websocket-extensions',
  // Whether clients use TLS is known to the gateway alone.
  'strict-transport-security',
  'x-registry-revision',
  'x-request-id',
]);

/** Lower-case name of a field that is forwarded, null for one that is dropped. */
type FieldFilter = (name: string) => string | null;

const clientFields = memoizedFilter((lowerCase) => {
  // Servers that expose headers as variables read `x.request.id` and `x-request-id` as the same.
  const asVariable = lowerCase.replaceAll(/[^a-z0-9]/g, '-');
  return !lowerCase.includes('_') && !DROPPED_FROM_CLIENTS.has(asVariable) && !isProxyField(lowerCase);
});

/** CORS is the gateway's alone: two answers to the question who may read a response would contradict each other. */
export const isCrossOriginField = (lowerCase: string): boolean => lowerCase.startsWith('access-control-');

const upstreamFields = memoizedFilter(
  (lowerCase) => !DROPPED_FROM_UPSTREAMS.has(lowerCase) && !isCrossOriginField(lowerCase),
);

/** Whether a client's request field is sent to instances. */
export function isForwardedUpstream({ request, traceContinued }: RequestContext, name: string): boolean {
  const lowerCase = clientFields(name);
  if (lowerCase === null || request.connectionOptions?.has(lowerCase)) return false;
  return traceContinued || lowerCase !== 'tracestate';
}

/** Whether an instance's response field is sent to the client. */
export function isForwardedDownstream({ connectionOptions }: IncomingResponse, name: string): boolean {
  const lowerCase = upstreamFields(name);
  return lowerCase !== null && !connectionOptions?.has(lowerCase);
}

/**
 * The header lines of a response that a shared cache may store, as clients receive them.
 *
 * @param only names in lower case; all that are forwarded if omitted
 */
export function storableLines(response: IncomingResponse, only?: ReadonlySet<string>): string {
  let text = '';
  for (const [name, , line] of response.headers) {
    // The age is computed for each response.
    if (!isForwardedDownstream(response, name) || isField(name, 'Age')) continue;
    if (only === undefined || only.has(name.toLowerCase())) text += line;
  }
  return text;
}

/** Drops trailers that would be dropped as header fields. */
export function forwardedTrailers(trailers: HeaderList): HeaderList {
  if (trailers.length === 0) return trailers;
  return trailers.filter(([name]) => {
    const lowerCase = upstreamFields(name);
    return lowerCase !== null && isTrailerField(lowerCase);
  });
}

/**
 * Fields that must be known before the content is processed (RFC 9110, 6.5.1): a recipient that merges trailers into
 * the headers would revise its decisions.
 */
const NEVER_TRAILERS = new Set([
  'age',
  'cache-control',
  'date',
  'expires',
  'location',
  'pragma',
  'retry-after',
  'set-cookie',
  'trailer',
  'vary',
  'www-authenticate',
]);
const NEVER_TRAILER_PREFIXES = ['accept-', 'access-control-', 'content-', 'sec-'];

const isTrailerField = (lowerCaseName: string) =>
  !NEVER_TRAILERS.has(lowerCaseName) &&
  !NEVER_TRAILER_PREFIXES.some((prefix) => lowerCaseName.startsWith(prefix));

const MAX_MEMOIZED_NAMES = 1_000;

/**
 * Memoizes a decision by the spelling of the name. Clients choose the spelling, so the map is bounded; it is not an LRU,
 * because the usual names come first and stay, and a look-up must not cost a reordering.
 */
function memoizedFilter(isForwarded: (lowerCaseName: string) => boolean): FieldFilter {
  const results = new Map<string, string | null>();
  return (name) => {
    const known = results.get(name);
    if (known !== undefined) return known;
    const lowerCase = name.toLowerCase();
    const result = isForwarded(lowerCase) ? lowerCase : null;
    if (results.size < MAX_MEMOIZED_NAMES) results.set(name, result);
    return result;
  };
}
