import { type FieldError, MalformedBody, UnsupportedMediaType, ValidationFailed } from '../../errors/problem';

/** RFC 8259, section 8.1: JSON is UTF-8. Without the BOM, which a parser may ignore. */
const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Half of a character, as JSON may write it: `\ud83d`. Without one of these in the source no text can be ill-formed. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const MAX_FIELD_ERRORS = 20;
const MAX_DEPTH = 100;

/** Reads a JSON body like `parseJson`. */
export const readJson = async (request: Request, contentType: string): Promise<unknown> =>
  parseJson(await request.arrayBuffer(), contentType);

/**
 * Parses a JSON body without repairing it: nothing becomes U+FFFD in silence.
 *
 * @param contentType the whole header, whose `charset` may name UTF-8 only
 * @throws MalformedBody (400) when the bytes are no UTF-8 or no JSON
 * @throws UnsupportedMediaType (415) for another charset
 * @throws ValidationFailed (422) naming each member that holds half of a character
 */
export function parseJson(bytes: ArrayBuffer, contentType: string): unknown {
  requireUtf8(contentType);
  const source = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new MalformedBody({ cause });
  }
  if (SURROGATE_ESCAPE.test(source)) requireWellFormed(value);
  return value;
}

/** @throws UnsupportedMediaType when a media type declares another charset than UTF-8 */
export function requireUtf8(contentType: string): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw new UnsupportedMediaType({ detail: 'Send UTF-8: other charsets are not supported.' });
}

function decode(bytes: ArrayBuffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MalformedBody({ detail: 'The body must be UTF-8.', cause });
  }
}

/**
 * Holds every text of a value, and every name of a member, to be valid Unicode.
 *
 * @throws ValidationFailed naming the members that are not
 */
export function requireWellFormed(value: unknown): void {
  const errors: FieldError[] = [];
  collect(value, [], errors);
  if (errors.length > 0) throw new ValidationFailed({ errors });
}

function collect(value: unknown, path: readonly string[], errors: FieldError[]): void {
  if (errors.length === MAX_FIELD_ERRORS || path.length > MAX_DEPTH) return;
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      errors.push({ field: path.join('.') || 'body', message: 'Valid Unicode text' });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, [...path, String(index)], errors);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value))
      if (name.isWellFormed()) collect(member, [...path, name], errors);
      else errors.push({ field: path.join('.') || 'body', message: 'Member names in valid Unicode' });
  }
}
