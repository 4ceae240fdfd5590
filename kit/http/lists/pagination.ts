import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { defineProblem } from '../../errors/problem';
import { decimalInteger } from '../schemas';

export const InvalidCursor = defineProblem('request.invalid-cursor', 400, 'Invalid cursor');

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** The query of every list route. */
export const PageQuery = Type.Object({
  limit: Type.Optional(
    decimalInteger({
      minimum: 1,
      maximum: MAX_LIMIT,
      default: DEFAULT_LIMIT,
      description: 'Items per page',
    }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next_cursor` of the previous page' })),
});
export type PageQuery = Static<typeof PageQuery>;

/** The response of every list route. */
export const PageOf = <Item extends TSchema>(item: Item) =>
  Type.Object({ items: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) });

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** The input of a store: the limit, and the sort key of the last row of the previous page. */
export interface PageRequest<Key extends readonly string[]> {
  readonly limit: number;
  readonly after: Key | null;
}

/**
 * Reads `limit` and `cursor`.
 *
 * @param keyLength the number of parts of the list's sort key
 * @throws InvalidCursor when the cursor is not a list of that many strings
 */
export function readPageQuery<Key extends readonly string[]>(
  query: PageQuery,
  keyLength: Key['length'],
): PageRequest<Key> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  if (query.cursor === undefined) return { limit, after: null };
  return { limit, after: decodeCursor<Key>(query.cursor, keyLength) };
}

/**
 * Builds a page from up to `limit + 1` rows; the row beyond the limit is omitted and shows that there are more. Keyset
 * pagination: nothing is skipped or duplicated when rows arrive between pages.
 *
 * @param keyOf the sort key of a row, unique within the list
 */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly string[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: shown.map(toItem), next_cursor: more ? encodeCursor(keyOf(last)) : null };
}

/** Encodes a sort key as an opaque cursor. */
export const encodeCursor = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

function decodeCursor<Key extends readonly string[]>(cursor: string, keyLength: number): Key {
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (cause) {
    throw new InvalidCursor({ cause });
  }
  const fits =
    Array.isArray(key) && key.length === keyLength && key.every((part) => typeof part === 'string');
  if (!fits) throw new InvalidCursor();
  return key as unknown as Key;
}

/** The `Link` header of the next page (RFC 8288); none on the last page. */
export function nextLink(url: string, page: { next_cursor: string | null }): Record<string, string> {
  if (page.next_cursor === null) return {};
  const { pathname, searchParams } = new URL(url);
  searchParams.set('cursor', page.next_cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"` };
}
