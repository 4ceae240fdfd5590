import { expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { pino } from 'pino';
import { checkedPages } from './checked-pages';
import { integerKey } from './keys';
import { readPageQuery } from './pagination';

const Item = Type.Object({ id: Type.String(), name: Type.String({ maxLength: 5 }) });
const pages = checkedPages(Item);

interface Row {
  readonly id: number;
  readonly kind: 'fits' | 'too-long' | 'throws';
}

const nameOf = ({ kind }: Row): string => {
  if (kind === 'throws') throw new RangeError('secret');
  return kind === 'fits' ? 'Ada' : 'a secret name';
};

test('show every row that fits once, in order; all others are logged by their keys, never by their values', () => {
  const kinds = fc.array(fc.constantFrom<Row['kind']>('fits', 'fits', 'too-long', 'throws'), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(kinds, fc.integer({ min: 1, max: 5 }), (all, limit) => {
      const rows = all.map((kind, id) => ({ id, kind }));
      const lines: string[] = [];
      const log = pino({}, { write: (line: string) => void lines.push(line) });
      const shown: string[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const { after } = readPageQuery({ limit, ...(cursor && { cursor }) }, [integerKey]);
        const rest = rows.filter(({ id }) => after === null || id > Number(after[0])).slice(0, limit + 1);
        const page = pages(rest, limit, {
          keyOf: ({ id }) => [String(id)],
          toItem: (row) => ({ id: String(row.id), name: nameOf(row) }),
          log,
        });
        shown.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor;
      }
      const fitting = rows.filter(({ kind }) => kind === 'fits').map(({ id }) => String(id));
      expect(shown).toEqual(fitting);
      const logged = lines.map((line) => JSON.parse(line).key[0]);
      expect(logged).toEqual(rows.filter(({ kind }) => kind !== 'fits').map(({ id }) => String(id)));
      expect(lines.join('')).not.toContain('secret name');
    }),
  );
});
