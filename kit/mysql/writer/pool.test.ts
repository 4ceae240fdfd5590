import { afterAll, afterEach, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { eventually } from '../../../tests/support/eventually';
import { type FaultProxy, startFaultProxy } from '../../../tests/support/fault-proxy';
import { testDatabase, testRuntime } from '../../../tests/support/servers';
import { type Database, inTransaction, openMysql } from '../database';
import { openIdGenerator } from '../ids/open-id-generator';
import { migrateDatabase } from '../migrations';

const storage = await testDatabase();
await storage.database.execute(
  sql`create table things (id int auto_increment primary key, name varchar(20) not null)`,
);
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => storage.drop());

/** Two ways to one database, as two nodes of a cluster are. */
async function cluster() {
  const proxies = await Promise.all([1, 2].map(() => startFaultProxy(storage.address.port, '\0never\0')));
  const [first, second] = proxies as [FaultProxy, FaultProxy];
  const host = '127.0.0.1';
  const address = {
    ...{ ...storage.address, host, port: first.port },
    standbys: [{ host, port: second.port }],
  };
  const runtime = testRuntime('writer');
  const database = openMysql(runtime, { address, connections: 5 });
  closing.push(...proxies.map((proxy) => () => proxy.stop()), () => runtime.close());
  return { first, second, address, runtime, database };
}

const insert = (database: Database, name: string) =>
  inTransaction(database, async (transaction) => {
    await transaction.execute(sql`insert into things (name) values (${name})`);
    await transaction.execute(sql`select sleep(0.02)`);
  });

async function countOf(name: string): Promise<number> {
  const [rows] = await storage.database.execute(sql`select count(*) as n from things where name = ${name}`);
  return Array.isArray(rows) ? Number(Reflect.get(rows[0] ?? {}, 'n')) : -1;
}

test('writing goes on at the next server when the first is lost, and nothing is written twice', async () => {
  const { first, database } = await cluster();
  await Promise.all(Array.from({ length: 5 }, () => insert(database, 'before')));
  const written = Promise.allSettled(Array.from({ length: 60 }, () => insert(database, 'lost')));
  await eventually(async () => (await countOf('lost')) > 5);
  first.inject({ kind: 'reset' });
  const acknowledged = (await written).filter(({ status }) => status === 'fulfilled').length;
  // Those whose commit was on its way are not known to have failed.
  expect(await countOf('lost')).toBeGreaterThanOrEqual(acknowledged);
  expect(await countOf('lost')).toBeLessThanOrEqual(60);
  expect(acknowledged).toBeGreaterThanOrEqual(60 - 5);
  await insert(database, 'after');
  expect(await countOf('after')).toBe(1);
});

test('a server that falls silent is left, and whoever waits for it is served by the next', async () => {
  const { first, database } = await cluster();
  await insert(database, 'heard');
  first.inject({ kind: 'half-open' });
  await insert(database, 'silent');
  expect(await countOf('silent')).toBe(1);
});

test('a server that becomes read-only is left', async () => {
  const { database } = await cluster();
  let attempts = 0;
  const port = await inTransaction(database, async (transaction) => {
    if (++attempts === 1)
      await transaction.execute(
        sql.raw("signal sqlstate 'HY000' set mysql_errno = 1290, message_text = 'read-only'"),
      );
    return attempts;
  });
  expect(port).toBe(2);
});

test('migrations and worker numbers find the server that takes writes', async () => {
  const { first, address, runtime, database } = await cluster();
  first.inject({ kind: 'reset' });
  const folder = `${import.meta.dir}/../../../services/playlists/migrations`;
  await migrateDatabase({ address, folder, log: runtime.log, signal: runtime.closing });
  const nextId = await openIdGenerator(runtime, database, address);
  expect(Number(await nextId())).toBeGreaterThan(0);
});
