import type { HeaderLine } from '../http1/message';

/** The content codings the gateway applies to responses (RFC 9110, 8.4.1; RFC 7932; RFC 8878), the preferred one first. */
export const CONTENT_CODINGS = ['zstd', 'br', 'gzip'] as const;
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

/** Separates a suffix from the tag it is added to; other servers use none that could be taken for ours. */
const SEPARATOR = '~';

/**
 * The entity tag of a compressed response: a strong one names exact bytes, so each coding has its own (RFC 9110, 8.8.3.3).
 * A weak one is the same for all.
 */
export const codedEntityTag = (etag: string, coding: ContentCoding): string =>
  etag.startsWith('"') && etag.endsWith('"') ? `${etag.slice(0, -1)}${SEPARATOR}${coding}"` : etag;

/** The value of a conditional field with the entity tags as the instance knows them. */
export function withoutCodings(tags: string): string {
  if (!tags.includes(SEPARATOR)) return tags;
  return CONTENT_CODINGS.reduce((value, coding) => value.replaceAll(`${SEPARATOR}${coding}"`, '"'), tags);
}

/**
 * The line of a request as the instance understands it. `If-Range` is not changed: the ranges of an instance are none of
 * the compressed response, and an unknown tag makes it send the whole.
 */
export function uncodedLine(name: string, value: string, line: string): string {
  if ((name.length !== 13 && name.length !== 8) || !value.includes(SEPARATOR)) return line;
  return isEntityTagCondition(name) ? `${name}: ${withoutCodings(value)}\r\n` : line;
}

/** The same for a name and its value. */
export const uncodedValue = ([name, value]: HeaderLine): string =>
  isEntityTagCondition(name) ? withoutCodings(value) : value;

function isEntityTagCondition(name: string): boolean {
  const lowerCase = name.toLowerCase();
  return lowerCase === 'if-none-match' || lowerCase === 'if-match';
}

/** The tag by which a client knows an unmodified response: with the coding in which it has it. */
export function knownEntityTag(etag: string, ifNoneMatch: string | null): string {
  if (ifNoneMatch === null || !ifNoneMatch.includes(SEPARATOR)) return etag;
  const coding = CONTENT_CODINGS.find((one) => ifNoneMatch.includes(codedEntityTag(etag, one)));
  return coding === undefined ? etag : codedEntityTag(etag, coding);
}
