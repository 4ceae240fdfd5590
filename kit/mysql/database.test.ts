import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { eventually } from '../../tests/support/eventually';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { problemOfFailure } from '../errors/mapping';
import { openMysql } from './database';
import { duplicateKeyOf, isDuplicate } from './failures';

const runtime = testRuntime('mysql');
const storage = await testDatabase();

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('metrics show open connections, those in use, and callers waiting for one', async () => {
  const database = openMysql(runtime, { address: storage.address, connections: 2 });
  const use = async () => {
    const metric = await runtime.metrics.getSingleMetric('mysql_pool_connections')?.get();
    return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels.state, value]) ?? []);
  };
  expect(await use()).toEqual({ open: 0, in_use: 0, waiting: 0 });
  const held = Array.from({ length: 5 }, () => database.execute(sql`select sleep(0.2)`));
  await eventually(async () => expect(await use()).toEqual({ open: 2, in_use: 2, waiting: 3 }));
  await Promise.all(held);
  expect(await use()).toEqual({ open: 2, in_use: 0, waiting: 0 });
});

/** A database with one connection, which is in use until `release` is called. */
async function occupied(name: string, queue: { waiting?: number; waitMs?: number }) {
  const runtime = testRuntime(name);
  const database = openMysql(runtime, { address: storage.address, connections: 1, queue });
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const isHeld = Promise.withResolvers<void>();
  const held = database.transaction(async (transaction) => {
    await transaction.execute(sql`select 1`);
    isHeld.resolve();
    await promise;
  });
  await isHeld.promise;
  const dropped = async (reason: string) => {
    const { values = [] } = (await runtime.metrics.getSingleMetric('work_queue_dropped_total')?.get()) ?? {};
    return values.find(({ labels }) => labels.reason === reason)?.value;
  };
  return { database, held, release, dropped };
}

const UNAVAILABLE = { code: 'dependency.unavailable', headers: { 'retry-after': '1' } };

test('with a full queue callers are rejected with 503, in a transaction too, and those waiting are served', async () => {
  const limits = { waiting: 20, waitMs: 600_000 };
  const { database, held, release, dropped } = await occupied('mysql-full', limits);
  const waiting = Array.from({ length: 20 }, () => database.execute(sql`select 1`));
  const rejected = await Promise.allSettled([
    database.execute(sql`select 1`),
    database.transaction(async () => undefined),
  ]);
  for (const result of rejected)
    expect(problemOfFailure(result.status === 'rejected' ? result.reason : null)).toMatchObject(UNAVAILABLE);
  expect(await dropped('full')).toBe(2);
  release();
  await held;
  expect(await Promise.all(waiting)).toHaveLength(20);
});

test('nobody waits for a connection without end, and one that comes later goes to the next', async () => {
  const { database, held, release, dropped } = await occupied('mysql-late', { waitMs: 100 });
  const late = await Promise.allSettled([database.execute(sql`select 1`), database.execute(sql`select 2`)]);
  for (const result of late)
    expect(problemOfFailure(result.status === 'rejected' ? result.reason : null)).toMatchObject(UNAVAILABLE);
  expect(await dropped('expired')).toBe(2);
  release();
  await held;
  expect(await database.execute(sql`select 3 as answer`)).toMatchObject([[{ answer: 3 }], {}]);
});

test('a duplicate key is identified by its exact name', async () => {
  const { database } = storage;
  await database.execute(
    sql`create table things (id int primary key, name varchar(99), unique key things_name (name))`,
  );
  await database.execute(sql`insert into things values (1, ${"x' for key 'PRIMARY"})`);
  const insert = (id: number, name: string) =>
    database.execute(sql`insert into things values (${id}, ${name})`).catch((failure: unknown) => failure);
  const byName = await insert(2, "x' for key 'PRIMARY");
  expect(duplicateKeyOf(byName)).toBe('things_name');
  expect(['things_name', 'PRIMARY', 'things', undefined].map((key) => isDuplicate(byName, key))).toEqual([
    ...[true, false, false, true],
  ]);
  expect(duplicateKeyOf(await insert(1, 'y'))).toBe('PRIMARY');
  const onMysql = "Duplicate entry 'a' for key 'things.things_name'";
  expect(duplicateKeyOf(Object.assign(new Error(onMysql), { errno: 1062 }))).toBe('things_name');
  expect(
    duplicateKeyOf(await database.execute(sql`select nothing`).catch((failure: unknown) => failure)),
  ).toBeNull();
});
