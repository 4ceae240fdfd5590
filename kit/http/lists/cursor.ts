import { InvalidCursor } from './pagination';

/** Of the checksum, in characters of base64url: 48 bits, so that no mangled cursor passes by chance. */
const CHECKSUM_LENGTH = 8;

/**
 * Binds a cursor to the list it belongs to, so that it is refused at every other one, and when it was mangled.
 *
 * @param pathname of the list
 * @param key of `toPage`
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
  new Bun.CryptoHasher('sha256').update(`${pathname} ${key}`).digest('base64url').slice(0, CHECKSUM_LENGTH);
