import { afterAll, afterEach, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Runtime } from '#kit/core/runtime';
import { eventually } from '../../../tests/support/eventually';
import { testDatabase, testRuntime } from '../../../tests/support/servers';
import { acquireLease, listLeases } from '../leases/store';
import { openIdGenerator } from './open-id-generator';
import { acquireWorker } from './worker-lease';

const storage = await testDatabase();
const { database, address } = storage;
const runtimes: Runtime[] = [];
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});
afterAll(() => storage.drop());

const workerOf = (id: string) => Number((BigInt(id) >> 2n) & 1_023n);

function open(): Promise<() => Promise<string>> {
  const runtime = testRuntime('id-test');
  runtimes.push(runtime);
  return openIdGenerator(runtime, database, address);
}

async function numbersOf(select: ReturnType<typeof sql>): Promise<number[]> {
  const [rows] = await database.execute(select);
  return Array.isArray(rows) ? rows.map((row) => Number(Reflect.get(row, 'n'))) : [];
}

const held = () =>
  numbersOf(
    sql`select substring_index(name, ':', -1) as n from leases where expires_at is not null order by 1`,
  );
const lockOf = (old: number) => `id-worker:${address.database}:${old}`;

test('processes hold distinct worker numbers, more than the version before had, and release them', async () => {
  const generators = await Promise.all(Array.from({ length: 24 }, open));
  const workers = await Promise.all(generators.map(async (nextId) => workerOf(await nextId())));
  expect(new Set(workers).size).toBe(24);
  expect((await held()).toSorted()).toEqual(workers.toSorted());
  // Old processes find each of these numbers taken.
  for (const worker of workers)
    expect(await numbersOf(sql`select is_used_lock(${lockOf(worker >> 6)}) is not null as n`)).toEqual([1]);
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
  expect(await held()).toEqual([]);
});

test('a number of a process of the version before is not taken, also when it is the only one left', async () => {
  const old = await createConnection(address);
  try {
    for (let number = 0; number < 15; number++) await old.query('do get_lock(?, 0)', [lockOf(number)]);
    const generators = await Promise.all([open(), open(), open()]);
    for (const nextId of generators) expect(workerOf(await nextId()) >> 6).toBe(15);
  } finally {
    old.destroy();
  }
});

test('the lock of an old number passes on among processes of this version, never to an old one', async () => {
  const old = await createConnection(address);
  try {
    for (let number = 1; number < 16; number++) await old.query('do get_lock(?, 0)', [lockOf(number)]);
    await Promise.all([open(), open(), open()]);
    const [first] = await numbersOf(sql`select is_used_lock(${lockOf(0)}) as n`);
    await database.execute(sql`kill ${sql.raw(String(first))}`);
    const next = await eventually(async () => {
      // What a process of the version before does when it starts.
      const [rows] = await old.query<RowDataPacket[]>('select get_lock(?, 0) as acquired', [lockOf(0)]);
      expect(rows[0]?.acquired).toBe(0);
      const [holder] = await numbersOf(sql`select is_used_lock(${lockOf(0)}) as n`);
      return holder !== first && holder;
    });
    expect(next).toBeGreaterThan(0);
  } finally {
    old.destroy();
  }
});

test('a process whose connection is lost makes no id until it holds a number again', async () => {
  const nextId = await open();
  const before = workerOf(await nextId());
  const [connection] = await numbersOf(sql`select is_used_lock(${lockOf(before >> 6)}) as n`);
  await database.execute(sql`kill ${sql.raw(String(connection))}`);
  await eventually(async () => {
    const [now] = await held();
    return now !== undefined && now !== before;
  });
  const ids = await Promise.all(Array.from({ length: 1_000 }, nextId));
  expect(new Set(ids).size).toBe(1_000);
});

test('a number that another process took is given up, and the ids of the taker are later', async () => {
  const lease = await acquireWorker(database, address, 'ids-test');
  if (lease === null) throw new Error('not acquired');
  const name = `id-worker:${lease.held.worker}`;
  await database.execute(sql`update leases set expires_at = utc_timestamp(3) where name = ${name}`);
  expect((await lease.renew())?.markMs).toBeGreaterThan(Date.now());
  await database.execute(sql`update leases set expires_at = utc_timestamp(3) where name = ${name}`);
  const [row] = await listLeases(database, name);
  if (row === undefined) throw new Error('no row');
  expect(row).toMatchObject({ isFree: true });
  expect(row.mark).toBeGreaterThanOrEqual(lease.held.markMs);
  await acquireLease(database, row, { holder: 'a taker', leaseMs: 600_000 });
  expect(await lease.renew()).toBeUndefined();
  await lease.close(undefined);
  expect((await listLeases(database, name))[0]).toMatchObject({ isFree: false, mark: row.mark });
});

test('a number whose ids reach into the future is not taken', async () => {
  await Promise.all([open(), open()]);
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
  await database.execute(sql`
    insert into leases select concat('id-worker:', seq), '', 1, unix_timestamp() * 1000 + 3600000, null from seq_0_to_1023
    on duplicate key update mark = values(mark)`);
  await database.execute(sql`update leases set mark = 0 where name in ('id-worker:5', 'id-worker:900')`);
  const generators = await Promise.all([open(), open()]);
  const workers = await Promise.all(generators.map(async (nextId) => workerOf(await nextId())));
  expect(workers.toSorted()).toEqual([5, 900].toSorted());
});
