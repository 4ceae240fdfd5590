import { defineProblem } from '../../errors/problem';
import type { KeyPart } from './keys';

export const InvalidCursor = defineProblem('request.invalid-cursor', 400, 'Invalid cursor');

/** Of the checksum, in characters of base64url: 48 bits, so that no mangled cursor passes by chance. */
const CHECKSUM_LENGTH = 8;

/** A sort key, whose parts are those of the list: `readPageQuery`. */
export type KeyOf<Parts extends readonly KeyPart[]> = { readonly [Index in keyof Parts]: string };

/** Encodes a sort key as an opaque cursor. */
export const encodeCursor = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

/**
 * The sort key in a cursor. It is read strictly: what `encodeCursor` would not write for this list is refused, so that no
 * mangled cursor becomes another place in the list.
 *
 * @param parts of the list's sort key
 * @throws InvalidCursor
 */
export function decodeCursor<const Parts extends readonly KeyPart[]>(
  cursor: string,
  parts: Parts,
): KeyOf<Parts> {
  const key = parsed(cursor);
  const fits =
    Array.isArray(key) &&
    key.length === parts.length &&
    parts.every((isPart, index) => typeof key[index] === 'string' && isPart(key[index])) &&
    encodeCursor(key) === cursor;
  if (!fits) throw new InvalidCursor();
  return key as unknown as KeyOf<Parts>;
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (cause) {
    throw new InvalidCursor({ cause });
  }
}

/**
 * Binds a cursor to the list it belongs to, so that it is refused at every other one, and when it was mangled.
 *
 * @param pathname of the list
 * @param key of `encodeCursor`
 */
export const bindCursor = (pathname: string, key: string): string => checksum(pathname, key) + key;

/**
 * The key in a cursor of this list.
 *
 * @throws InvalidCursor for a cursor of another list, or one that `bindCursor` has not made
 */
export function unbindCursor(pathname: string, cursor: string): string {
  const key = cursor.slice(CHECKSUM_LENGTH);
  if (key === '' || cursor.slice(0, CHECKSUM_LENGTH) !== checksum(pathname, key)) throw new InvalidCursor();
  return key;
}

/** Against mistakes, not against forgery: whoever forges a cursor reads no more than the list shows anyway. */
const checksum = (pathname: string, key: string): string =>
  Bun.SHA256.hash(`${pathname} ${key}`, 'base64url').slice(0, CHECKSUM_LENGTH);
