import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { createMysqlPool } from './database';
import { acquireLease, listLeases } from './leases/store';
import { migrateDatabase } from './migrations';

const storage = await testDatabase();
/** Does not exist yet. */
const address = { ...storage.address, database: `${storage.address.database}_new` };
const pool = createMysqlPool(address, 2);
const database = drizzle(pool);
const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
afterAll(async () => {
  await pool.end();
  await storage.database.execute(sql`drop database ${sql.identifier(address.database)}`);
  await storage.drop();
  rmSync(folder, { recursive: true });
});
mkdirSync(join(folder, 'meta'));
writeFileSync(join(folder, '0000_things.sql'), 'create table things (id int primary key)');
const entry = { idx: 0, version: '5', when: 1_700_000_000_000, tag: '0000_things', breakpoints: true };
writeFileSync(
  join(folder, 'meta', '_journal.json'),
  JSON.stringify({ version: '7', dialect: 'mysql', entries: [entry] }),
);
const { log } = testRuntime('migrations');
const migrate = (signal = AbortSignal.timeout(60_000)) => migrateDatabase({ address, folder, log, signal });

test('instances that start at once create the database and migrate it once', async () => {
  await Promise.all(Array.from({ length: 8 }, () => migrate()));
  await database.execute(sql`select id from things`);
  const [row] = await listLeases(database, 'migrations');
  expect(row).toMatchObject({ isFree: true, token: 8 });
});

test('an instance waits while another migrates, and starts when that has finished or shut down', async () => {
  const [row] = await listLeases(database, 'migrations');
  if (row === undefined) throw new Error('no lease');
  await acquireLease(database, row, { holder: 'another', leaseMs: 600_000 });
  const abort = new AbortController();
  const waiting = migrate(abort.signal);
  abort.abort();
  await expect(waiting).rejects.toThrow();
  const next = migrate();
  await database.execute(sql`update leases set expires_at = null where name = 'migrations'`);
  await next;
});
