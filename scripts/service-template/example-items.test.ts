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

async function person() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
}

async function make(authorization: string, name: string): Promise<string> {
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

test('an item is made, found where the answer says, renamed and deleted', async () => {
  const { authorization } = await person();
  const made = await call('POST', '/example-items', { body: { name: 'First' }, authorization });
  expect(made.status).toBe(201);
  const path = made.headers.get('location') ?? '';
  expect((await call('GET', path, { authorization })).body).toEqual(made.body);
  const renamed = await call('PATCH', path, { body: { name: 'Better' }, authorization });
  expect(renamed.body).toEqual({ ...made.body, name: 'Better' });
  expect((await call('DELETE', path, { authorization })).status).toBe(204);
  expect((await call('GET', path, { authorization })).status).toBe(404);
});

test('a list holds its owner’s items only, newest first, page by page', async () => {
  const { authorization } = await person();
  await make((await person()).authorization, 'of somebody else');
  for (const name of ['one', 'two', 'three']) await make(authorization, name);
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

test('nobody sees, renames or deletes an item of somebody else', async () => {
  const owner = await person();
  const stranger = await person();
  const path = `/example-items/${await make(owner.authorization, 'mine')}`;
  for (const [method, body] of [['GET'], ['PATCH', { name: 'theirs' }], ['DELETE']] as const)
    expect((await call(method, path, { body, authorization: stranger.authorization })).status).toBe(404);
  expect((await call('GET', path, { authorization: owner.authorization })).body.name).toBe('mine');
});

test('a name that is empty or too long is refused', async () => {
  const { authorization } = await person();
  for (const name of ['', 'a'.repeat(101)])
    expect((await call('POST', '/example-items', { body: { name }, authorization })).status).toBe(422);
});

test('every route needs somebody who is signed in', async () => {
  const claims = routeClaims(app);
  expect(claims.length).toBeGreaterThan(0);
  for (const { method, path } of claims)
    expect((await call(method, path.replace(':id', uuidv7()))).status).toBe(401);
});

test('what belongs to a person goes with them', async () => {
  const { id, authorization } = await person();
  await make(authorization, 'gone soon');
  await deleteItemsOf(storage.database, id);
  expect((await call('GET', '/example-items', { authorization })).body.items).toEqual([]);
});
