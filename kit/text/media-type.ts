/**
 * Media types (RFC 9110, section 8.3.1), for every comparison of a `Content-Type`: type and subtype are
 * case-insensitive, and blanks may surround the semicolon of a parameter.
 */

const SEMICOLON = ';';

/**
 * The type and subtype of a `Content-Type` in lower case, without parameters: `text/html` of `Text/HTML ; charset=utf-8`.
 *
 * @param contentType value of the field; null, which gives an empty text, when it is missing
 */
export function mediaTypeOf(contentType: string | null): string {
  if (contentType === null) return '';
  const end = contentType.indexOf(SEMICOLON);
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** The same `Content-Type` as most programs write it, for parsers that compare it as text. Parameters are unchanged. */
export function canonicalContentType(contentType: string): string {
  const end = contentType.indexOf(SEMICOLON);
  const mediaType = mediaTypeOf(contentType);
  return end === -1 ? mediaType : mediaType + contentType.slice(end);
}

/** Whether it is JSON, or a format written in it, like `application/problem+json` (RFC 6839, section 3.1). */
export const isJsonType = (mediaType: string): boolean =>
  mediaType === 'application/json' || mediaType.endsWith('+json');
