import { Counter, Gauge, type Registry } from 'prom-client';
import { lastingLines } from '../downstream/response-head';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { Forward } from '../model/decision';
import type { RequestContext } from '../model/request-context';
import type { ResponseRecorder } from '../model/response-plan';
import { type CacheDirectives, cacheDirectives, listOf, secondsOf, sharedSeconds } from './cache-directives';
import { type CachedResponse, type CachedResponses, createCachedResponses } from './cached-responses';
import { createRecentWrites } from './recent-writes';

/** What is known of a request before it is forwarded. */
export type Lookup =
  /** It is answered with this, of this age. */
  | {
      readonly kind: 'hit';
      readonly response: CachedResponse;
      readonly ageSeconds: number;
      readonly notModified: boolean;
    }
  /** It wants nothing but what is kept, and nothing is. */
  | { readonly kind: 'nothing-kept' }
  /** It goes on; what comes back is heard by `recorder`. */
  | { readonly kind: 'forward'; readonly recorder: ResponseRecorder | null };

/**
 * A shared cache (RFC 9111) in front of what is forwarded: answers GET and HEAD with responses that say they may be
 * given to everybody. Never stale; each process has its own.
 */
export interface ResponseCache {
  lookup(context: RequestContext, decision: Forward): Lookup;
  /**
   * What was written to a path makes what is kept of it untrue (RFC 9111, 4.4), and where a thing was changed or is gone,
   * what is below it: `DELETE /files/7` is about `/files/7/content`. Something new below a path changes nothing there.
   */
  answered(method: string, target: string, status: number): void;
}

/** RFC 9110, 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const MOST_BODY_BYTES = 256 * 1024;
/** Whatever a response says: it may have been deleted through another gateway. */
const MOST_KEPT_MS = 600_000;
/** What a 304 repeats of the response it stands for (RFC 9110, 15.4.5). */
const WITHOUT_CONTENT = new Set(['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary']);
const GO_ON: Lookup = { kind: 'forward', recorder: null };

/** @param clock milliseconds, ever increasing */
export function createResponseCache(
  mostBytes: number,
  registry: Registry,
  clock: () => number = () => performance.now(),
): ResponseCache {
  const kept = createCachedResponses(mostBytes);
  const writes = createRecentWrites();
  const counts = countedIn(registry, kept);

  function lookup(context: RequestContext, decision: Forward): Lookup {
    const { method, headers } = context.request.head;
    if (!SAFE.has(method)) return { kind: 'forward', recorder: watching(method, decision.target) };
    if (method === 'OPTIONS') return GO_ON;
    if (context.request.framing.kind !== 'none' || isSpecial(headers) || context.request.upgradesToWebSocket)
      return GO_ON;
    const [path, query] = partsOf(decision.target);
    const asked = requestDirectives(headers);
    const authority = `${context.origin.protocol}://${context.origin.host ?? ''}`;
    const isMeant = (response: CachedResponse) =>
      response.service === decision.service &&
      response.route === decision.route &&
      response.authority === authority &&
      response.variedBy.every(([name, value]) => listOf(headers, name) === value);
    const nowMs = clock();
    const known = asked.has('no-cache') ? undefined : kept.find(path, query, isMeant);
    if (known !== undefined && isGoodFor(asked, known, nowMs)) {
      counts.hits++;
      const ageSeconds = Math.floor((nowMs - known.madeAtMs) / 1_000);
      return { kind: 'hit', response: known, ageSeconds, notModified: isNotModified(headers, known) };
    }
    counts.misses++;
    if (asked.has('only-if-cached')) return { kind: 'nothing-kept' };
    if (method === 'HEAD' || asked.has('no-store')) return GO_ON;
    const keep = (response: CachedResponse) => {
      if (!writes.changedSince(path, nowMs)) kept.keep(path, query, response, isMeant);
    };
    return { kind: 'forward', recorder: recorderFor(context, decision, authority, keep) };
  }

  function answered(method: string, target: string, status: number) {
    if (SAFE.has(method) || status < 200 || status >= 400) return;
    const [path] = partsOf(target);
    const below = method !== 'POST';
    writes.note(path, below, clock());
    kept.forget(path, below);
  }

  const watching = (method: string, target: string): ResponseRecorder => ({
    begin: ({ status }) => answered(method, target, status),
    content: () => undefined,
    end: () => undefined,
  });

  function recorderFor(
    context: RequestContext,
    { service, route }: Forward,
    authority: string,
    keep: (response: CachedResponse) => void,
  ): ResponseRecorder {
    const askedAtMs = clock();
    let made: Omit<CachedResponse, 'body'> | null = null;
    let spans: Buffer[] = [];
    let bytes = 0;
    return {
      begin(response) {
        const { framing } = response;
        if (framing.kind === 'length' && framing.length > MOST_BODY_BYTES) return;
        const variedBy = variation(response.headers, context.request.head.headers);
        const times = timesOf(response, askedAtMs, clock());
        if (variedBy === null || times === null) return;
        const etag = listOf(response.headers, 'ETag');
        const lastModified = listOf(response.headers, 'Last-Modified');
        const lines = lastingLines(response, context);
        const notModifiedLines = lastingLines(response, context, WITHOUT_CONTENT);
        made = { service, route, authority, variedBy, lines, notModifiedLines, etag, lastModified, ...times };
      },
      content(part, start, end) {
        if (made === null) return;
        bytes += end - start;
        if (bytes <= MOST_BODY_BYTES) spans.push(Buffer.from(part.subarray(start, end)));
        else {
          made = null;
          spans = [];
        }
      },
      end(trailers) {
        if (made !== null && trailers.length === 0) keep({ ...made, body: Buffer.concat(spans) });
      },
    };
  }

  return { lookup, answered };
}

function countedIn(registry: Registry, kept: CachedResponses): { hits: number; misses: number } {
  const counts = { hits: 0, misses: 0 };
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('gateway_response_cache_bytes', 'What the kept responses take', () => kept.bytes);
  gauge('gateway_response_cache_entries', 'Responses kept', () => kept.count);
  new Counter({
    name: 'gateway_response_cache_lookups_total',
    help: 'Requests that could be answered with a kept response, by whether they were',
    labelNames: ['result'] as const,
    registers,
    collect() {
      this.reset();
      this.inc({ result: 'hit' }, counts.hits);
      this.inc({ result: 'miss' }, counts.misses);
    },
  });
  return counts;
}

function partsOf(target: string): [path: string, query: string] {
  const query = target.indexOf('?');
  return query === -1 ? [target, ''] : [target.slice(0, query), target.slice(query)];
}

/** Asks for a part, or under a condition only the service can judge. */
const isSpecial = (headers: HeaderList) =>
  ['Range', 'If-Range', 'If-Match', 'If-Unmodified-Since'].some((name) => listOf(headers, name) !== null);

/** RFC 9111, 5.4: an old `Pragma` counts where there is no `Cache-Control`. */
function requestDirectives(headers: HeaderList): CacheDirectives {
  if (listOf(headers, 'Cache-Control') !== null) return cacheDirectives(headers);
  const pragma = listOf(headers, 'Pragma')?.toLowerCase();
  return pragma === 'no-cache' ? new Map([['no-cache', '']]) : new Map();
}

/** RFC 9111, 4.2, and what the request asks besides: not older than `max-age`, fresh for another `min-fresh`. */
function isGoodFor(asked: CacheDirectives, response: CachedResponse, nowMs: number): boolean {
  const minFresh = secondsOf(asked, 'min-fresh') ?? 0;
  const maxAge = secondsOf(asked, 'max-age') ?? Number.POSITIVE_INFINITY;
  return nowMs + minFresh * 1_000 < response.freshUntilMs && nowMs - response.madeAtMs <= maxAge * 1_000;
}

/** RFC 9110, 13.1.2 and 13.1.3: tags are compared weakly, and dates count where there is none. */
function isNotModified(headers: HeaderList, { etag, lastModified }: CachedResponse): boolean {
  const tags = listOf(headers, 'If-None-Match');
  if (tags !== null) {
    if (etag === null) return false;
    const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
    return tags.trim() === '*' || tags.split(',').some((tag) => opaque(tag) === opaque(etag));
  }
  const since = Date.parse(listOf(headers, 'If-Modified-Since') ?? '');
  return lastModified !== null && Date.parse(lastModified) <= since;
}

/** The request's fields a response was chosen by; null where those are not all it was chosen by. */
function variation(response: HeaderList, request: HeaderList): CachedResponse['variedBy'] | null {
  const names = (listOf(response, 'Vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  if (names.includes('*')) return null;
  return names.filter((name) => name !== '').map((name) => [name, listOf(request, name)] as const);
}

/** When a response was made and how long it is fresh (RFC 9111, 4.2); null when it must not be kept. */
function timesOf(
  { status, framing, headers }: IncomingResponse,
  askedAtMs: number,
  nowMs: number,
): Pick<CachedResponse, 'madeAtMs' | 'freshUntilMs'> | null {
  // One that ends with its connection may as well have been cut off.
  if (status !== 200 || framing.kind === 'until-close' || listOf(headers, 'Set-Cookie') !== null) return null;
  const seconds = sharedSeconds(cacheDirectives(headers));
  const sinceDateMs = Date.now() - Date.parse(listOf(headers, 'Date') ?? '');
  const correctedAgeMs = Number(listOf(headers, 'Age') ?? 0) * 1_000 + (nowMs - askedAtMs);
  const madeAtMs = nowMs - Math.max(Number.isNaN(sinceDateMs) ? 0 : sinceDateMs, correctedAgeMs);
  const freshUntilMs = Math.min(madeAtMs + seconds * 1_000, nowMs + MOST_KEPT_MS);
  return freshUntilMs > nowMs ? { madeAtMs, freshUntilMs } : null;
}
