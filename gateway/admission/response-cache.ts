import type { Registry } from 'prom-client';
import { readOrigin } from '#kit/http/authority';
import { matchesIfNoneMatch } from '#kit/http/etag';
import { listOf } from '../http1/field-lines';
import type { HeaderList, IncomingResponse } from '../http1/message';
import { withoutCodings } from '../model/content-coding';
import type { ForwardDecision } from '../model/decision';
import { storableLines } from '../model/forwarded-fields';
import type { RequestContext } from '../model/request-context';
import type { ResponseRecorder } from '../model/response-plan';
import { type CacheDirectives, cacheDirectives, secondsOf, sharedSeconds } from './cache-directives';
import { countLookups } from './cache-metrics';
import { type CachedResponse, createCachedResponses } from './cached-responses';
import { createRecentWrites } from './recent-writes';

export type Lookup =
  | {
      readonly kind: 'hit';
      readonly response: CachedResponse;
      readonly ageSeconds: number;
      readonly notModified: boolean;
    }
  /** The request accepts only a stored response, and there is none. */
  | { readonly kind: 'only-if-cached' }
  /** The request is forwarded, and its response recorded. */
  | { readonly kind: 'miss'; readonly recorder: ResponseRecorder | null };

/**
 * A shared cache (RFC 9111) for forwarded requests: answers GET and HEAD with responses that are explicitly cacheable for
 * everybody. Never serves stale responses; each process has its own.
 */
export interface ResponseCache {
  lookup(context: RequestContext, decision: ForwardDecision): Lookup;
  /**
   * A write to a path invalidates what is stored for it (RFC 9111, 4.4), and where a resource was changed or deleted,
   * what is stored below it: `DELETE /files/7` also concerns `/files/7/content`. A POST creates something below the path
   * and changes nothing else there.
   */
  invalidate(method: string, target: string, status: number): void;
}

/** RFC 9110, 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_BODY_BYTES = 256 * 1024;
/** Regardless of the response: the resource may be deleted through another gateway. */
const MAX_STORED_MS = 600_000;
/** Fields of a 304 (RFC 9110, 15.4.5). */
const NOT_MODIFIED_FIELDS = new Set(['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary']);
const BYPASS: Lookup = { kind: 'miss', recorder: null };

/** @param clock milliseconds, monotonic */
export function createResponseCache(
  maxBytes: number,
  registry: Registry,
  clock: () => number = () => performance.now(),
): ResponseCache {
  const stored = createCachedResponses(maxBytes);
  const writes = createRecentWrites();
  const counts = countLookups(registry, stored);

  function lookup(context: RequestContext, decision: ForwardDecision): Lookup {
    const { method, headers } = context.request.head;
    if (!SAFE.has(method)) return { kind: 'miss', recorder: invalidator(method, decision.target) };
    if (method === 'OPTIONS' || isUncacheable(context)) return BYPASS;
    const [path, query] = splitTarget(decision.target);
    const directives = requestDirectives(headers);
    const { protocol, host, prefix } = context.origin;
    // Case and default port of `Host` make no difference: spellings would be copies, and fill the cache.
    const origin = readOrigin(`${protocol}://${host}`)?.authority ?? host ?? '';
    const authority = `${protocol}://${origin}${prefix}${decision.prefix}`;
    const isVariant = (response: CachedResponse) =>
      response.service === decision.service &&
      response.route === decision.route &&
      response.authority === authority &&
      response.variedBy.every(([name, value]) => listOf(headers, name) === value);
    const nowMs = clock();
    const known = directives.has('no-cache') ? undefined : stored.find(path, query, isVariant);
    if (known !== undefined && isAcceptable(directives, known, nowMs)) {
      counts.hits++;
      const ageSeconds = Math.floor((nowMs - known.madeAtMs) / 1_000);
      return { kind: 'hit', response: known, ageSeconds, notModified: isNotModified(headers, known) };
    }
    counts.misses++;
    if (directives.has('only-if-cached')) return { kind: 'only-if-cached' };
    if (method === 'HEAD' || directives.has('no-store')) return BYPASS;
    const store = (response: CachedResponse) => {
      if (!writes.changedSince(path, nowMs)) stored.store(path, query, response, isVariant);
    };
    const { service, route } = decision;
    return {
      kind: 'miss',
      recorder: recorder(context, { service, route, authority }, store),
    };
  }

  function invalidate(method: string, target: string, status: number) {
    if (SAFE.has(method) || status < 200 || status >= 400) return;
    const [path] = splitTarget(target);
    const below = method !== 'POST';
    writes.record(path, below, clock());
    stored.invalidate(path, below);
  }

  const invalidator = (method: string, target: string): ResponseRecorder => ({
    begin: ({ status }) => invalidate(method, target, status),
    content: () => undefined,
    end: () => undefined,
  });

  function recorder(
    context: RequestContext,
    { service, route, authority }: RecordedRequest,
    store: (response: CachedResponse) => void,
  ): ResponseRecorder {
    const requestedAtMs = clock();
    let head: Omit<CachedResponse, 'body'> | null = null;
    let parts: Buffer[] = [];
    let bytes = 0;
    return {
      begin(response) {
        const { framing } = response;
        if (framing.kind === 'length' && framing.length > MAX_BODY_BYTES) return;
        const variedBy = variation(response.headers, context.request.head.headers);
        const times = freshness(response, requestedAtMs, clock());
        if (variedBy === null || times === null) return;
        const etag = listOf(response.headers, 'ETag');
        const lastModified = listOf(response.headers, 'Last-Modified');
        const lines = storableLines(response);
        const notModifiedLines = storableLines(response, NOT_MODIFIED_FIELDS);
        head = { service, route, authority, variedBy, lines, notModifiedLines, etag, lastModified, ...times };
      },
      content(part, start, end) {
        if (head === null) return;
        bytes += end - start;
        if (bytes <= MAX_BODY_BYTES) parts.push(Buffer.from(part.subarray(start, end)));
        else {
          head = null;
          parts = [];
        }
      },
      end(trailers) {
        if (head !== null && trailers.length === 0) store({ ...head, body: Buffer.concat(parts) });
      },
    };
  }

  return { lookup, invalidate };
}

type RecordedRequest = Pick<CachedResponse, 'service' | 'route' | 'authority'>;

function splitTarget(target: string): [path: string, query: string] {
  const query = target.indexOf('?');
  return query === -1 ? [target, ''] : [target.slice(0, query), target.slice(query)];
}

/** Requests with a body, for a range, for an upgrade, or with a precondition only the service can evaluate. */
const isUncacheable = ({ request }: RequestContext) =>
  request.framing.kind !== 'none' ||
  request.upgradesToWebSocket ||
  ['Range', 'If-Range', 'If-Match', 'If-Unmodified-Since'].some(
    (name) => listOf(request.head.headers, name) !== null,
  );

/** RFC 9111, 5.4: `Pragma` counts where there is no `Cache-Control`. */
function requestDirectives(headers: HeaderList): CacheDirectives {
  if (listOf(headers, 'Cache-Control') !== null) return cacheDirectives(headers);
  const pragma = listOf(headers, 'Pragma')?.toLowerCase();
  return pragma === 'no-cache' ? new Map([['no-cache', '']]) : new Map();
}

/** Fresh (RFC 9111, 4.2), and within the request's `max-age` and `min-fresh`. */
function isAcceptable(directives: CacheDirectives, response: CachedResponse, nowMs: number): boolean {
  const minFresh = secondsOf(directives, 'min-fresh') ?? 0;
  const maxAge = secondsOf(directives, 'max-age') ?? Number.POSITIVE_INFINITY;
  return nowMs + minFresh * 1_000 < response.freshUntilMs && nowMs - response.madeAtMs <= maxAge * 1_000;
}

/** RFC 9110, 13.1.2 and 13.1.3: dates count where no entity tag is sent. */
function isNotModified(headers: HeaderList, { etag, lastModified }: CachedResponse): boolean {
  const tags = listOf(headers, 'If-None-Match');
  if (tags !== null) return etag !== null && matchesIfNoneMatch(withoutCodings(tags), etag);
  const since = Date.parse(listOf(headers, 'If-Modified-Since') ?? '');
  return lastModified !== null && Date.parse(lastModified) <= since;
}

/** The request fields a response varies by; null for `Vary: *`. */
function variation(response: HeaderList, request: HeaderList): CachedResponse['variedBy'] | null {
  const names = (listOf(response, 'Vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  if (names.includes('*')) return null;
  return names.filter((name) => name !== '').map((name) => [name, listOf(request, name)] as const);
}

/** When a response was generated and until when it is fresh (RFC 9111, 4.2); null when it must not be stored. */
function freshness(
  { status, framing, headers }: IncomingResponse,
  requestedAtMs: number,
  nowMs: number,
): Pick<CachedResponse, 'madeAtMs' | 'freshUntilMs'> | null {
  // A response that ends with its connection may be truncated.
  if (status !== 200 || framing.kind === 'until-close' || listOf(headers, 'Set-Cookie') !== null) return null;
  const seconds = sharedSeconds(cacheDirectives(headers));
  const sinceDateMs = Date.now() - Date.parse(listOf(headers, 'Date') ?? '');
  const correctedAgeMs = Number(listOf(headers, 'Age') ?? 0) * 1_000 + (nowMs - requestedAtMs);
  const madeAtMs = nowMs - Math.max(Number.isNaN(sinceDateMs) ? 0 : sinceDateMs, correctedAgeMs);
  const freshUntilMs = Math.min(madeAtMs + seconds * 1_000, nowMs + MAX_STORED_MS);
  return freshUntilMs > nowMs ? { madeAtMs, freshUntilMs } : null;
}
