/**
 * Comparison of entity tags (RFC 9110, section 8.8.3.2), for every `If-Match` and `If-None-Match`.
 */

/** The strong entity tag of a numbered version: `"3"`. */
export const etagOfVersion = (version: number): string => `"${version}"`;

/**
 * Whether `If-None-Match` names a tag, by weak comparison (RFC 9110, section 13.1.2).
 *
 * @param header value of the field: `*` or a list of tags; null when it is missing, which matches nothing
 */
export const matchesIfNoneMatch = (header: string | null, etag: string): boolean =>
  header !== null && (isAny(header) || tagsIn(header).some((tag) => opaqueOf(tag) === opaqueOf(etag)));

/**
 * Whether `If-Match` names a tag, by strong comparison: a weak tag matches nothing (RFC 9110, section 13.1.1).
 *
 * @param header value of the field: `*` or a list of tags
 */
export const matchesIfMatch = (header: string, etag: string): boolean =>
  isAny(header) || (!isWeak(etag) && tagsIn(header).includes(etag));

const isAny = (header: string): boolean => header.trim() === '*';

/** A comma within a tag does not separate. */
const tagsIn = (header: string): string[] => header.match(/(?:W\/)?"[^"]*"/g) ?? [];

const isWeak = (tag: string): boolean => tag.startsWith('W/');

const opaqueOf = (tag: string): string => (isWeak(tag) ? tag.slice(2) : tag);
