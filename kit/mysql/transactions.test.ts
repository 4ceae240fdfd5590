import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { connect, createServer } from 'node:net';
import { sql } from 'drizzle-orm';
import { type FaultProxy, startFaultProxy } from '../../tests/support/fault-proxy';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { createTables } from '../../tests/support/tables';
import { idempotent } from '../http/idempotency';
import { idempotencyKeys } from '../http/idempotency-table';
import { inTransaction, openMysql, type Transaction } from './database';

const storage = await testDatabase();
await storage.database.execute(sql`create table things (name varchar(20) not null)`);
await createTables(storage.database, { idempotencyKeys });
const proxies: FaultProxy[] = [];
const runtime = testRuntime('transactions');
afterAll(async () => {
  await runtime.close();
  for (const proxy of proxies) proxy.stop();
  await storage.drop();
});
beforeEach(() => storage.database.execute(sql`delete from things`));

async function openThroughProxy() {
  const proxy = await startFaultProxy(storage.address.port, '\0never\0');
  proxies.push(proxy);
  const through = testRuntime('transactions');
  runtime.onClose('the database behind the proxy', () => through.close());
  const address = { ...storage.address, host: '127.0.0.1', port: proxy.port };
  return { proxy, database: openMysql(through, { address, connections: 2 }) };
}

/** The address of a proxy in front of the database: the server commits, and its answer is lost, so many times. */
async function cuttingCommits(times: number) {
  let left = times;
  const server = createServer((client) => {
    const { host, port } = storage.address;
    const database = connect({ host, port });
    let isCommitting = false;
    client.on('data', (bytes) => {
      isCommitting = left > 0 && bytes.toString('latin1').endsWith('commit');
      database.write(bytes);
    });
    database.on('data', (bytes) => {
      if (isCommitting) {
        left--;
        client.destroy();
      } else client.write(bytes);
    });
    for (const socket of [client, database])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          client.destroy();
          database.destroy();
        });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  runtime.onClose('proxy', () => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return { ...storage.address, host: '127.0.0.1', port: address.port };
}

const insert = (transaction: Transaction) => transaction.execute(sql`insert into things values ('one')`);

async function things(): Promise<number> {
  const [rows] = await storage.database.execute(sql`select name from things`);
  return Array.isArray(rows) ? rows.length : -1;
}

/** As the server would report it. */
const fail = (transaction: Transaction, number: number) =>
  transaction.execute(
    sql.raw(`signal sqlstate 'HY000' set mysql_errno = ${number}, message_text = 'for a test'`),
  );

describe('a transaction', () => {
  test.each([1213, 1205, 1047, 1053, 1290, 1836])(
    'that fails with error %d runs again as a whole',
    async (number) => {
      let attempts = 0;
      await inTransaction(storage.database, async (transaction) => {
        await insert(transaction);
        if (++attempts < 3) await fail(transaction, number);
      });
      expect([attempts, await things()]).toEqual([3, 1]);
    },
  );

  test('is given up after five attempts', async () => {
    let attempts = 0;
    const failing = inTransaction(storage.database, async (transaction) => {
      attempts++;
      await insert(transaction);
      await fail(transaction, 1213);
    });
    await expect(failing).rejects.toThrow();
    expect([attempts, await things()]).toEqual([5, 0]);
  });

  test('that fails for a reason of its own does not run again', async () => {
    let attempts = 0;
    const failing = inTransaction(storage.database, async (transaction) => {
      attempts++;
      await insert(transaction);
      throw new Error('of its own');
    });
    await expect(failing).rejects.toThrow('of its own');
    expect([attempts, await things()]).toEqual([1, 0]);
  });

  test('whose connection is lost before the commit runs again', async () => {
    const { proxy, database } = await openThroughProxy();
    let attempts = 0;
    await inTransaction(database, async (transaction) => {
      attempts++;
      await insert(transaction);
      proxy.inject(attempts === 1 ? { kind: 'reset' } : null);
      await transaction.execute(sql`select 1`).finally(() => proxy.inject(null));
    });
    expect([attempts, await things()]).toEqual([2, 1]);
  });

  test('whose connection is lost during the commit is not repeated: nobody knows whether it happened', async () => {
    const database = openMysql(runtime, { address: await cuttingCommits(1), connections: 2 });
    let attempts = 0;
    const unknown = inTransaction(database, async (transaction) => {
      attempts++;
      await insert(transaction);
    });
    await expect(unknown).rejects.toMatchObject({ code: 'dependency.unavailable' });
    expect([attempts, await things()]).toEqual([1, 1]);
  });

  test('that is not known to have been committed is found by the key of its request', async () => {
    const through = testRuntime('transactions');
    runtime.onClose('the database behind the cut', () => through.close());
    const database = openMysql(through, { address: await cuttingCommits(1), connections: 2 });
    const request = { key: 'k', caller: 'me', method: 'POST', route: '/things', body: {} };
    const post = () =>
      idempotent(database, request, async () => async (transaction) => {
        await insert(transaction);
        return { status: 201, headers: {}, body: { name: 'one' } };
      });
    await expect(post()).rejects.toMatchObject({ code: 'dependency.unavailable' });
    expect(await post()).toMatchObject({ status: 201, body: { name: 'one' } });
    expect(await things()).toBe(1);
  });
});
