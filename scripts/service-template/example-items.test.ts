import { afterAll, beforeAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { migrateDatabase } from '#kit/mysql/migrations';
import { callerOf } from '../../tests/support/call';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { exampleItems } from '.';
import { deleteItemsOf } from './store';

const runtime = testRuntime('example-items');
const storage = await testDatabase();
const tokens = await testTokens();
const app = exampleItems({ runtime, database: storage.database, tokens: tokens.verifier });
const call = callerOf(app);

async function createUser() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'user' }) };
}

async function create(authorization: string, name: string): Promise<string> {
  const { status, body } = await call('POST', '/example-items', { body: { name }, authorization });
  expect(status).toBe(201);
  return String(body.id);
}

beforeAll(() =>
  migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  }),
);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('an item is created, read at its Location, renamed and deleted', async () => {
  const { authorization } = await createUser();
  const created = await call('POST', '/example-items', { body: { name: 'First' }, authorization });
  expect(created.status).toBe(201);
  const path = created.headers.get('location') ?? '';
  expect((await call('GET', path, { authorization })).body).toEqual(created.body);
  const renamed = await call('PATCH', path, { body: { name: 'Better' }, authorization });
  expect(renamed.body).toEqual({ ...created.body, name: 'Better' });
  expect((await call('DELETE', path, { authorization })).status).toBe(204);
  expect((await call('GET', path, { authorization })).status).toBe(404);
});

test('an item is created once per Idempotency-Key', async () => {
  const { authorization } = await createUser();
  const request = { body: { name: 'Once' }, authorization, headers: { 'idempotency-key': uuidv7() } };
  const first = await call('POST', '/example-items', request);
  const repeat = await call('POST', '/example-items', request);
  expect([repeat.status, repeat.body]).toEqual([201, first.body]);
  expect((await call('GET', '/example-items', { authorization })).body.items).toHaveLength(1);
});

test('a list has the items of its owner only, newest first, page by page', async () => {
  const { authorization } = await createUser();
  await create((await createUser()).authorization, 'of another user');
  for (const name of ['one', 'two', 'three']) await create(authorization, name);
  const names: unknown[] = [];
  let cursor: unknown;
  do {
    const next = cursor === undefined ? '' : `&cursor=${cursor}`;
    const { body } = await call('GET', `/example-items?limit=2${next}`, { authorization });
    names.push(...(body.items as { name: string }[]).map((item) => item.name));
    cursor = body.next_cursor;
  } while (cursor !== null);
  expect(names).toEqual(['three', 'two', 'one']);
});

test('an item can be read, renamed and deleted by its owner only', async () => {
  const owner = await createUser();
  const stranger = await createUser();
  const path = `/example-items/${await create(owner.authorization, 'mine')}`;
  for (const [method, body] of [['GET'], ['PATCH', { name: 'theirs' }], ['DELETE']] as const)
    expect((await call(method, path, { body, authorization: stranger.authorization })).status).toBe(404);
  expect((await call('GET', path, { authorization: owner.authorization })).body.name).toBe('mine');
});

test('a name that is empty or too long is rejected', async () => {
  const { authorization } = await createUser();
  for (const name of ['', 'a'.repeat(101)])
    expect((await call('POST', '/example-items', { body: { name }, authorization })).status).toBe(422);
});

test('every route requires a valid token', async () => {
  const claims = routeClaims(app);
  expect(claims.length).toBeGreaterThan(0);
  for (const { method, path } of claims)
    expect((await call(method, path.replace(':id', uuidv7()))).status).toBe(401);
});

test('the items of a deleted user are deleted', async () => {
  const { id, authorization } = await createUser();
  await create(authorization, 'to be deleted');
  await deleteItemsOf(storage.database, id);
  expect((await call('GET', '/example-items', { authorization })).body.items).toEqual([]);
});
