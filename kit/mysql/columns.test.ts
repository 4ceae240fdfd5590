import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { mysqlTable } from 'drizzle-orm/mysql-core';
import fc from 'fast-check';
import { identityKey } from '#kit/text/identity';
import { testDatabase } from '../../tests/support/servers';
import { exactText } from './columns';

const storage = await testDatabase();
afterAll(storage.drop);
const { database } = storage;
const keys = mysqlTable('keys', { key: exactText('text_key', 700).primaryKey() });
await database.execute(
  sql`create table ${keys} (text_key varchar(700) character set utf8mb4 collate utf8mb4_bin primary key)`,
);

/** Where collations and code are known to differ. */
const strange = fc.constantFrom(
  ...['a', 'A', 'á', 'a\u0301', 'ﬁ', 'fi', 'ß', 'ss', 'ı', 'i', 'İ', 'か', 'が', 'カ', 'ｶ', '😀', '😁'],
  ...[' ', '\u00a0', '\u3000', '\u0000', '\t', '\u200b', '\u0301', '1', '１', 'ä', 'ae', 'ñ', 'n'],
);
const text = fc.oneof(
  fc.array(strange, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 8 }).map((typed) => typed.toWellFormed()),
);

test('the database holds as many rows as the code knows different keys', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 2, maxLength: 12 }),
      fc.constantFrom('ignore' as const, 'distinguish' as const),
      async (texts, letterCase) => {
        const derived = texts.map((typed) => identityKey(typed, letterCase));
        await database.delete(keys);
        await database
          .insert(keys)
          .ignore()
          .values(derived.map((key) => ({ key })));
        const stored = (await database.select().from(keys)).map(({ key }) => key);
        expect(stored.toSorted()).toEqual([...new Set(derived)].toSorted());
      },
    ),
    { numRuns: 200 },
  ));
