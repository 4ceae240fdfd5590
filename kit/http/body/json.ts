import { parseStrictJson } from '../../core/strict-json';
import { MalformedBody, UnsupportedMediaType } from '../../errors/problem';

/** RFC 8259, section 8.1: JSON is UTF-8. Without the BOM, which a parser may ignore. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON body without repairing it: nothing becomes U+FFFD in silence.
 *
 * @param contentType the whole header, whose `charset` may name UTF-8 only
 * @throws MalformedBody (400) when the bytes are no UTF-8 or no JSON
 * @throws UnsupportedMediaType (415) for another charset
 * @throws ValidationFailed (422) for JSON that `parseStrictJson` refuses
 */
export function parseJson(bytes: ArrayBuffer, contentType: string): unknown {
  requireUtf8(contentType);
  return parseStrictJson(decodeUtf8(bytes));
}

/** @throws UnsupportedMediaType when a media type declares another charset than UTF-8 */
export function requireUtf8(contentType: string): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw new UnsupportedMediaType({ detail: 'Send UTF-8: other charsets are not supported.' });
}

/** @throws MalformedBody for bytes that are no UTF-8 */
export function decodeUtf8(bytes: ArrayBuffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MalformedBody({ detail: 'The body must be UTF-8.', cause });
  }
}
