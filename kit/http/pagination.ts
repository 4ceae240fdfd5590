import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '../errors/problem';

export const InvalidCursor = defineProblem('request.invalid-cursor', 422, 'The cursor is not one of ours');

const DEFAULT_LIMIT = 20;
const MAXIMUM_LIMIT = 100;

/** The query of every list route. */
export const PageQuery = Type.Object({
  limit: Type.Optional(
    // Elysia's own integer: in a query it arrives as text.
    t.Integer({
      minimum: 1,
      maximum: MAXIMUM_LIMIT,
      default: DEFAULT_LIMIT,
      description: 'Items on the page',
    }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next_cursor` of the page before' })),
});
export type PageQuery = Static<typeof PageQuery>;

/** The answer of every list route. */
export const PageOf = <Item extends TSchema>(item: Item) =>
  Type.Object({ items: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) });

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** What a store needs: how many rows, and where the page before ended (the sort key of its last row). */
export interface PageRequest<Key extends readonly string[]> {
  readonly limit: number;
  readonly after: Key | null;
}

/**
 * Reads `limit` and `cursor`.
 *
 * @param keyLength how many parts the list's sort key has
 * @throws InvalidCursor when the cursor does not hold that many strings
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
 * Makes a page from up to `limit + 1` rows: the row beyond the limit is not shown, it tells that there is more.
 * Keyset-based, so that nothing is skipped or doubled when rows arrive between pages.
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

/** RFC 8288 header naming the next page, or none on the last. */
export function nextLink(url: string, page: { next_cursor: string | null }): Record<string, string> {
  if (page.next_cursor === null) return {};
  const { pathname, searchParams } = new URL(url);
  searchParams.set('cursor', page.next_cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"` };
}
