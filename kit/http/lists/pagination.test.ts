import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { encodeCursor, InvalidCursor } from './cursor';
import { integerKey } from './keys';
import { nextLink, readPageQuery, toPage } from './pagination';

/** A list as a store returns it: rows after a key, one more than the limit. */
const rowsAfter = (rows: readonly number[], after: readonly [string] | null, limit: number) =>
  rows.filter((row) => after === null || row > Number(after[0])).slice(0, limit + 1);

describe('pages', () => {
  test('cover every row once and in order, for any length and limit', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1_000)), fc.integer({ min: 1, max: 20 }), (values, limit) => {
        const rows = values.sort((one, other) => one - other);
        const seen: number[] = [];
        let cursor: string | null | undefined;
        while (cursor !== null) {
          const request = readPageQuery({ limit, ...(cursor && { cursor }) }, [integerKey]);
          const page = toPage(
            rowsAfter(rows, request.after, limit),
            limit,
            (row) => [String(row)],
            (row) => row,
          );
          seen.push(...page.items);
          cursor = page.next_cursor;
        }
        expect(seen).toEqual(rows);
      }),
    );
  });

  test('have twenty items by default', () => {
    expect(readPageQuery({}, [integerKey])).toEqual({ limit: 20, after: null });
  });

  test.each([
    ['not base64', '%%%'],
    ['not JSON', Buffer.from('nope').toString('base64url')],
    ['not a list', Buffer.from('{"0":"a"}').toString('base64url')],
    ['of another length', encodeCursor(['a', 'b'])],
    ['of other types', Buffer.from('[1]').toString('base64url')],
  ])('reject a cursor that is %s', (_what, cursor) => {
    expect(() => readPageQuery({ cursor }, [integerKey])).toThrow(InvalidCursor);
  });

  test('link to the next one with the rest of the query', () => {
    expect(nextLink('http://host/posts?limit=5&cursor=old', { next_cursor: 'new' })).toEqual({
      link: '</posts?limit=5&cursor=new>; rel="next"',
    });
    expect(nextLink('http://host/posts', { next_cursor: null })).toEqual({});
  });

  test('link to the same path and query as a parsed URL would, whatever stands in them', () => {
    const unit = fc.constantFrom(...'aZ0-_.~!*\'();,:@$/ +%<>"é\ud800#');
    const text = fc.string({ unit, maxLength: 6 });
    const query = fc.array(fc.tuple(fc.oneof(fc.constantFrom('limit', 'cursor'), text), text), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(text, query, fc.boolean(), (path, pairs, isRaw) => {
        const search = isRaw
          ? pairs.map(([name, value]) => `${name}=${value}`).join('&')
          : String(new URLSearchParams(pairs));
        const url = `http://host/posts/${path.replaceAll(/[?#]/g, '')}?${search.replaceAll(/[?#]/g, '')}`;
        const { link = '' } = nextLink(url, { next_cursor: 'new_1-x' });
        const next = new URL(link.slice(1, link.lastIndexOf('>; rel="next"')), url);
        const expected = new URL(url);
        const others = (sent: URL) => [...sent.searchParams].filter(([name]) => name !== 'cursor');
        expect(next.pathname).toBe(expected.pathname);
        expect(others(next)).toEqual(others(expected));
        expect(next.searchParams.getAll('cursor')).toEqual(['new_1-x']);
        expect(link.slice(1, -'>; rel="next"'.length)).not.toMatch(/[<>"\s]/);
      }),
    );
  });
});
