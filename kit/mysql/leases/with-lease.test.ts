import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { testDatabase } from '../../../tests/support/servers';
import { acquireLease, type LeaseRow, listLeases, releaseLease, renewLease } from './store';
import { withLease } from './with-lease';

const storage = await testDatabase();
afterAll(() => storage.drop());
const { database } = storage;
const terms = { holder: 'a test', leaseMs: 600_000 };
const rowOf = async (name: string): Promise<LeaseRow | undefined> => (await listLeases(database, name))[0];

test('of many who try at once one acquires a lease, with a larger token each time', async () => {
  for (const token of [1, 2, 3]) {
    const seen = (await rowOf('contended')) ?? { name: 'contended' };
    const grants = await Promise.all(Array.from({ length: 20 }, () => acquireLease(database, seen, terms)));
    const [grant, ...others] = grants.filter((each) => each !== null);
    expect(others).toEqual([]);
    expect(grant).toEqual({ name: 'contended', token });
    expect((await rowOf('contended'))?.isFree).toBe(false);
    if (grant) await releaseLease(database, grant);
  }
});

test('an expired lease can be acquired, and its former holder neither renews nor releases it', async () => {
  const first = await acquireLease(database, { name: 'expired' }, { ...terms, mark: 40 });
  await database.execute(sql`update leases set expires_at = utc_timestamp(3) where name = 'expired'`);
  const seen = await rowOf('expired');
  expect(seen).toMatchObject({ isFree: true, mark: 40 });
  if (first === null || seen === undefined) throw new Error('not acquired');
  const second = await acquireLease(database, seen, { ...terms, mark: 30 });
  expect(second?.token).toBe(2);
  expect(await renewLease(database, first, { ...terms, mark: 90 })).toBe(false);
  await releaseLease(database, first, 1);
  expect(await rowOf('expired')).toMatchObject({ isFree: false, mark: 40, token: 2 });
});

test('a renewal between look and acquisition makes the acquisition fail', async () => {
  const holder = await acquireLease(database, { name: 'renewed' }, { ...terms, mark: 1 });
  await database.execute(sql`update leases set expires_at = utc_timestamp(3) where name = 'renewed'`);
  const seen = await rowOf('renewed');
  if (holder === null || seen === undefined) throw new Error('not acquired');
  expect(await renewLease(database, holder, { ...terms, mark: 2 })).toBe(true);
  await database.execute(sql`update leases set expires_at = utc_timestamp(3) where name = 'renewed'`);
  expect(await acquireLease(database, seen, terms)).toBeNull();
});

test('work runs in one place at a time: others leave, or wait for their turn', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: running, resolve: started } = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = withLease(database, { name: 'work' }, async () => {
    started();
    await released;
    order.push('first');
    return 1;
  });
  await running;
  expect(await withLease(database, { name: 'work' }, async () => order.push('never'))).toBeUndefined();
  const second = withLease(database, { name: 'work', wait: new AbortController().signal }, async () => {
    order.push('second');
    return 2;
  });
  release();
  expect(await Promise.all([first, second])).toEqual([1, 2]);
  expect(order).toEqual(['first', 'second']);
});

test('a lease is released when its work fails', async () => {
  const failing = withLease(database, { name: 'failing' }, () => Promise.reject(new Error('broken')));
  await expect(failing).rejects.toThrow('broken');
  expect((await rowOf('failing'))?.isFree).toBe(true);
});
