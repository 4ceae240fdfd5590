import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { eventually } from '../../tests/support/eventually';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { openMysql } from './database';

const runtime = testRuntime('mysql');
const storage = await testDatabase();

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('tells how many connections there are, how many are in use, and how many callers wait for one', async () => {
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
