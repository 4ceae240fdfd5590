import { afterAll, beforeAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { boolean, datetime, int, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { testDatabase } from '../../tests/support/servers';
import { createTables } from '../../tests/support/tables';
import { DATABASE_NOW, json, moment, timeOrderedId, uuid } from './columns';
import { isDuplicate } from './failures';
import { insertRows } from './insert-rows';

const things = mysqlTable('inserted_things', {
  id: uuid('id').primaryKey(),
  name: varchar('name', { length: 50 }).notNull(),
  size: int('size').notNull().default(7),
  post: timeOrderedId('post'),
  isNew: boolean('is_new').notNull(),
  tags: json<string[]>('tags').notNull(),
  at: datetime('at', { mode: 'date', fsp: 3 }).notNull(),
  now: moment('now').notNull(),
  doubled: int('doubled').generatedAlwaysAs(sql`size * 2`, { mode: 'virtual' }),
});

let mysql: Awaited<ReturnType<typeof testDatabase>>;
beforeAll(async () => {
  mysql = await testDatabase();
  await createTables(mysql.database, { things });
});
afterAll(() => mysql.drop());

const thing = (more: Partial<typeof things.$inferInsert> = {}) => ({
  id: Bun.randomUUIDv7(),
  name: `'; drop table inserted_things; -- \\ " ? \u{1F600}`,
  post: '1511768342528256',
  isNew: true,
  tags: ["it's", '"quoted"'],
  at: new Date('2026-11-20T09:15:01.123Z'),
  ...more,
});

test('rows are read as they were inserted, with defaults and the clock of the database', async () => {
  const rows = [thing(), thing({ size: 3, post: null, isNew: false })];
  const inserted = await insertRows(
    mysql.database,
    things,
    rows.map((row) => ({ ...row, now: DATABASE_NOW })),
  );
  expect(inserted).toBe(2);
  const stored = await mysql.database.select().from(things).orderBy(things.id);
  expect(stored.map(({ now: _, ...row }) => row)).toEqual(
    [
      { ...rows[0], size: 7, doubled: 14 },
      { ...rows[1], size: 3, doubled: 6 },
    ].map((row) => expect.objectContaining(row)),
  );
  for (const { now } of stored) expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(600_000);
});

test('a duplicate is refused with all rows, or left out', async () => {
  const row = { ...thing(), now: DATABASE_NOW };
  await insertRows(mysql.database, things, [row]);
  const again = [row, { ...row, id: Bun.randomUUIDv7() }];
  const refused = await insertRows(mysql.database, things, again).catch((failure: unknown) => failure);
  expect(isDuplicate(refused, 'PRIMARY')).toBe(true);
  expect(await insertRows(mysql.database, things, again, { ignore: true })).toBe(1);
  expect(await insertRows(mysql.database, things, [])).toBe(0);
});
