import { listOf } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';

/** Directives of `Cache-Control` by their lower-case names; those without an argument have an empty one. */
export type CacheDirectives = ReadonlyMap<string, string>;

const NONE: CacheDirectives = new Map();

/**
 * Parses `Cache-Control` (RFC 9111, 5.2). The first of repeated directives counts; malformed parts are ignored, which can
 * only make a response less cacheable.
 */
export function cacheDirectives(headers: HeaderList): CacheDirectives {
  const list = listOf(headers, 'Cache-Control');
  if (list === null) return NONE;
  const directives = new Map<string, string>();
  for (const [, name = '', token, quoted] of list.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, token ?? quoted ?? '');
  }
  return directives;
}

/** A token, with an argument that is a token or a quoted string. */
const DIRECTIVE = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)"))?/g;

/** Seconds of an argument; null without the directive, 0 when its argument is invalid (RFC 9111, 4.2.1). */
export function secondsOf(directives: CacheDirectives, name: string): number | null {
  const argument = directives.get(name);
  if (argument === undefined) return null;
  return /^\d{1,10}$/.test(argument) ? Number(argument) : 0;
}

/**
 * Freshness lifetime in seconds for a shared cache; 0 when it must not store the response. Only explicitly cacheable
 * responses have one: `public` with `max-age`, or `s-maxage`.
 */
export function sharedSeconds(directives: CacheDirectives): number {
  if (['no-store', 'no-cache', 'private'].some((name) => directives.has(name))) return 0;
  const shared = secondsOf(directives, 's-maxage');
  if (shared !== null) return shared;
  return directives.has('public') ? (secondsOf(directives, 'max-age') ?? 0) : 0;
}
