import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { openIdGenerator } from '#kit/mysql/id-worker';
import { eventually } from '../../tests/support/eventually';
import { testDatabase, testRuntime } from '../../tests/support/servers';

const storage = await testDatabase();
afterAll(() => storage.drop());

const workerOf = (id: string) => Number((BigInt(id) >> 8n) & 15n);

test('processes that share a database hold distinct worker numbers, also after a lost connection', async () => {
  const runtimes = Array.from({ length: 16 }, () => testRuntime('id-worker-test'));
  const generators = await Promise.all(runtimes.map((runtime) => openIdGenerator(runtime, storage.address)));
  const workers = () => generators.map((nextId) => workerOf(nextId()));
  expect(new Set(workers()).size).toBe(16);

  const holder = async () => {
    const [rows] = await storage.database.execute(
      sql`select is_used_lock(${`id-worker:${storage.address.database}:3`}) as id`,
    );
    return Array.isArray(rows) ? Number(Reflect.get(rows[0] ?? {}, 'id')) : 0;
  };
  const first = await holder();
  await storage.database.execute(sql`kill ${sql.raw(String(first))}`);
  await eventually(async () => ![0, first].includes(await holder()));
  expect(new Set(workers()).size).toBe(16);
  await Promise.all(runtimes.map((runtime) => runtime.close()));
});
