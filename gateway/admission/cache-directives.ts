import { isField } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';

/** Directives of `Cache-Control` by their lower-case names; those without an argument have an empty one. */
export type CacheDirectives = ReadonlyMap<string, string>;

const NONE: CacheDirectives = new Map();

/** All values of a field, joined as one list (RFC 9110, 5.3); null when it is not there. */
export function listOf(headers: HeaderList, usualName: string): string | null {
  let list: string | null = null;
  for (const [name, value] of headers)
    if (isField(name, usualName)) list = list === null ? value : `${list}, ${value}`;
  return list;
}

/**
 * Reads `Cache-Control` (RFC 9111, 5.2). Of a directive that is there twice the first counts; what cannot be read is
 * left out, which can only make something less cacheable.
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

/** Seconds of an argument; null without the directive, 0 when its argument is no number (RFC 9111, 4.2.1). */
export function secondsOf(directives: CacheDirectives, name: string): number | null {
  const argument = directives.get(name);
  if (argument === undefined) return null;
  return /^\d{1,10}$/.test(argument) ? Number(argument) : 0;
}

/**
 * For how many seconds a shared cache may give a response to everybody; 0 when not at all. Only what says so itself:
 * `public` with a time, or a time for shared caches.
 */
export function sharedSeconds(directives: CacheDirectives): number {
  if (['no-store', 'no-cache', 'private'].some((name) => directives.has(name))) return 0;
  const shared = secondsOf(directives, 's-maxage');
  if (shared !== null) return shared;
  return directives.has('public') ? (secondsOf(directives, 'max-age') ?? 0) : 0;
}
