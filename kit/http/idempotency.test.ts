import { afterAll, beforeAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { defineProblem, Problem } from '#kit/errors/problem';
import {
  type IdempotentRequest,
  idempotent,
  readIdempotencyKey,
  trimIdempotencyKeys,
} from '#kit/http/idempotency';
import { idempotencyKeys } from '#kit/http/idempotency-table';
import type { Transaction } from '#kit/mysql/database';
import { eventually } from '../../tests/support/eventually';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { createTables } from '../../tests/support/tables';

const runtime = testRuntime('idempotency-test');
let mysql: Awaited<ReturnType<typeof testDatabase>>;

beforeAll(async () => {
  mysql = await testDatabase();
  await createTables(mysql.database, { idempotencyKeys });
  await mysql.database.execute(sql`create table effects (id int auto_increment primary key)`);
});
afterAll(async () => {
  await runtime.close();
  await mysql.drop();
});

const Rejected = defineProblem('test.refused', 422, 'Rejected');
const request = (key: string | null, body: unknown = {}): IdempotentRequest => ({
  key,
  caller: '01981f6e-7a10-7c3e-8d2b-5f0a1b2c3d4e',
  method: 'POST',
  route: '/things',
  body,
});

async function makeThing(transaction: Transaction) {
  const [made] = await transaction.execute(sql`insert into effects () values ()`);
  const id = Number(Reflect.get(made, 'insertId'));
  return { status: 201, headers: { location: `/things/${id}` }, body: { id } };
}
const send = (key: string | null, body?: unknown) =>
  idempotent(mysql.database, request(key, body), async () => makeThing);

async function effects(): Promise<number> {
  const [rows] = await mysql.database.execute(sql`select count(*) as effects from effects`);
  return Number(Array.isArray(rows) ? Reflect.get(rows[0] ?? {}, 'effects') : Number.NaN);
}

const codeOf = (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure));

test('a hundred concurrent requests with one key have one effect and one response', async () => {
  const before = await effects();
  const answers = await Promise.all(Array.from({ length: 100 }, () => send('hundred')));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.filter(({ headers }) => 'idempotency-replayed' in headers)).toHaveLength(99);
  expect(await effects()).toBe(before + 1);
});

test('without a key every request is a new one', async () => {
  expect((await send(null)).body.id).not.toBe((await send(null)).body.id);
});

test('the order of fields does not matter, a different value does', async () => {
  const first = await send('order', { a: 1, b: { c: [1, 2], d: 2 } });
  const second = await send('order', { b: { d: 2, c: [1, 2] }, a: 1 });
  expect(second.body).toEqual(first.body);
  await expect(send('order', { a: 1, b: { c: [2, 1], d: 2 } }).catch(codeOf)).resolves.toBe(
    'idempotency.key-reused',
  );
});

test('a rejected request stores neither effect nor key', async () => {
  const before = await effects();
  const rejected = idempotent(mysql.database, request('refused'), async () => async (transaction) => {
    await makeThing(transaction);
    throw new Rejected();
  });
  await expect(rejected.catch(codeOf)).resolves.toBe('test.refused');
  expect(await effects()).toBe(before);
  expect((await send('refused')).headers).not.toHaveProperty('idempotency-replayed');
});

test('a concurrent duplicate is rejected as in flight within about a second', async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = idempotent(mysql.database, request('slow'), async () => async (transaction) => {
    begun.resolve();
    await release.promise;
    return makeThing(transaction);
  });
  await begun.promise;
  await expect(send('slow').catch(codeOf)).resolves.toBe('idempotency.in-flight');
  release.resolve();
  expect((await send('slow')).body).toEqual((await first).body);
});

test('the lock wait timeout of a connection is restored', async () => {
  const timeouts = await Promise.all(
    Array.from({ length: 10 }, () =>
      mysql.database.execute(sql`select @@session.innodb_lock_wait_timeout as seconds, sleep(0.05)`),
    ),
  );
  for (const [rows] of timeouts) expect(JSON.stringify(rows)).toContain('"seconds":50');
});

test('a stored response is opened by its key alone; those of the version before are still read', async () => {
  const words = 'what somebody wrote';
  const write = () =>
    idempotent(mysql.database, request('words', { words }), async () => async () => ({
      status: 201,
      headers: { location: '/things/words' },
      body: { words },
    }));
  await write();
  const [rows] = await mysql.database.execute(
    sql`select body from idempotency_keys where json_value(headers, '$.location') = '/things/words'`,
  );
  const stored = JSON.stringify(rows);
  expect(stored).toContain('sealed:');
  expect(stored).not.toContain(words);
  expect(stored).not.toContain(Buffer.from(words).toString('base64').slice(0, 12));
  expect((await write()).body).toEqual({ words });

  await mysql.database.execute(
    sql`update idempotency_keys set body = '{"words":"plain"}' where json_value(headers, '$.location') = '/things/words'`,
  );
  expect((await write()).body).toEqual({ words: 'plain' });
});

test('keys expire after a day, and not before', async () => {
  await send('old');
  const [young] = [await send('young')];
  await mysql.database.execute(
    sql`update idempotency_keys set created_at = utc_timestamp(3) - interval 25 hour
      where json_value(headers, '$.location') = ${(await send('old')).headers.location}`,
  );
  trimIdempotencyKeys(runtime, mysql.database);
  await eventually(async () => !('idempotency-replayed' in (await send('old')).headers));
  expect((await send('young')).body).toEqual(young.body);
});

test.each([
  ['abc', 'abc'],
  ['"abc"', 'abc'],
  [' "a\\"b" ', 'a"b'],
])('the header %p has the key %p', (header, key) => {
  expect(readIdempotencyKey(new Headers({ 'idempotency-key': header }))).toBe(key);
});

test.each(['', '""', 'a b', 'x'.repeat(256)])('the header %p is rejected', (header) => {
  expect(() => readIdempotencyKey(new Headers({ 'idempotency-key': header }))).toThrow();
});

test('without the header there is no key', () => expect(readIdempotencyKey(new Headers())).toBeNull());
