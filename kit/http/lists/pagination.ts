import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { pathOf } from '../request-path';
import { decimalInteger } from '../schemas';
import { decodeCursor, encodeCursor, type KeyOf } from './cursor';
import type { KeyPart } from './keys';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Room for the longest name that is a sort key: 512 UTF-16 code units are up to 1,536 bytes, in base64url. */
const MAX_CURSOR_UNITS = 2_200;

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
  cursor: Type.Optional(
    Type.String({ maxLength: MAX_CURSOR_UNITS, description: '`next_cursor` of the previous page' }),
  ),
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
 * @param parts what the parts of the list's sort key may be, in their order: `[timeOrderedKey, uuidKey]`
 * @throws InvalidCursor when the cursor does not hold such a key
 */
export function readPageQuery<const Parts extends readonly KeyPart[]>(
  query: PageQuery,
  parts: Parts,
): PageRequest<KeyOf<Parts>> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  return { limit, after: query.cursor === undefined ? null : decodeCursor(query.cursor, parts) };
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

/** The `Link` header of the next page (RFC 8288); none on the last page. */
export function nextLink(url: string, page: { next_cursor: string | null }): Record<string, string> {
  const { next_cursor: cursor } = page;
  if (cursor === null) return {};
  return { link: `<${withCursor(url, cursor) ?? withCursorEncoded(url, cursor)}>; rel="next"` };
}

/** Path and query with another cursor; undefined where parts of the URL are encoded, or ought to be. */
function withCursor(url: string, cursor: string): string | undefined {
  if (!url.isWellFormed()) return undefined;
  const path = pathOf(url);
  const start = url.indexOf('?');
  const search = start === -1 ? '' : url.slice(start + 1);
  if (encodeURI(path) !== path || encodeURI(search) !== search || search.includes('+')) return undefined;
  const others = search
    .split('&')
    .filter((one) => one !== '' && one !== 'cursor' && !one.startsWith('cursor='));
  return `${path}?${[...others, `cursor=${encodeURIComponent(cursor)}`].join('&')}`;
}

function withCursorEncoded(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.delete('cursor');
  searchParams.set('cursor', cursor);
  return `${pathname}?${searchParams}`;
}
