import { afterAll, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { wordKey } from './lists/keys';
import { PageOf, PageQuery, readPageQuery, toPage } from './lists/pagination';
import { platform } from './platform';
import { paged } from './responses';

const runtime = testRuntime('strictness-test');
afterAll(() => runtime.close());
const tokens = await testTokens();
const authorization = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'ada' });

const ROWS = ['a', 'b', 'c'];
const listAfter = (query: PageQuery) => {
  const { limit, after } = readPageQuery(query, [wordKey(...ROWS)]);
  const rows = ROWS.filter((row) => after === null || row > after[0]).slice(0, limit + 1);
  return toPage(
    rows,
    limit,
    (row) => [row],
    (row) => row,
  );
};
const list = { public: true, query: PageQuery, response: PageOf(Type.String()) } as const;
const app = new Elysia()
  .use(platform(runtime))
  .use(access(tokens.verifier))
  .post('/orders', ({ body: { note = '' } }) => ({ note, extra: 'left out' }), {
    user: true,
    body: Type.Object({
      note: Type.Optional(Type.String()),
      items: Type.Array(Type.Object({ price: Type.String() })),
    }),
    response: Type.Object({ note: Type.Optional(Type.String()) }),
  })
  .get('/letters', ({ query, request, set }) => paged(set, request, listAfter(query)), list)
  .get('/others', ({ query, request, set }) => paged(set, request, listAfter(query)), list);

async function call(
  method: string,
  path: string,
  options: { body?: unknown; raw?: BodyInit; type?: string; token?: string } = {},
) {
  const response = await app.handle(
    new Request(`http://localhost${path}`, {
      method,
      headers: {
        ...(options.token && { authorization: options.token }),
        ...((options.body ?? options.raw) !== undefined && {
          'content-type': options.type ?? 'application/json',
        }),
      },
      ...((options.body ?? options.raw) !== undefined && {
        body: options.raw ?? JSON.stringify(options.body),
      }),
    }),
  );
  const body = await response.json();
  return { status: response.status, body, link: response.headers.get('link') };
}

test('a member of a body that no schema names is refused with its name, wherever it stands', async () => {
  const body = { note: 'x', amount: '5.00', items: [{ price: '1', prise: '2' }] };
  const refused = await call('POST', '/orders', { body, token: authorization });
  expect([refused.status, refused.body.code]).toEqual([422, 'request.invalid']);
  expect(refused.body.errors.map(({ field }: { field: string }) => field)).toEqual([
    'amount',
    'items.0.prise',
  ]);
  const taken = await call('POST', '/orders', { body: { note: 'x', items: [] }, token: authorization });
  expect([taken.status, taken.body]).toEqual([200, { note: 'x' }]);
});

test('a client without access does not learn what is wrong with its request', async () => {
  expect((await call('POST', '/orders', { body: { amount: '5.00' } })).status).toBe(401);
});

test('a name that no schema could hold is not repeated', async () => {
  const refused = await call('POST', '/orders', { body: { items: [], '<script>': 1 }, token: authorization });
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'body']);
});

test('an unknown query parameter of a list is refused', async () => {
  const refused = await call('GET', '/letters?limit=2&offset=5');
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'offset']);
});

test('a cursor is good for its own list only, and only as it was made', async () => {
  const first = await call('GET', '/letters?limit=2');
  const cursor: string = first.body.next_cursor;
  expect(first.link).toContain(`cursor=${cursor}`);
  expect((await call('GET', `/letters?limit=2&cursor=${cursor}`)).body).toEqual({
    items: ['c'],
    next_cursor: null,
  });
  const foreign = await call('GET', `/others?limit=2&cursor=${cursor}`);
  expect([foreign.status, foreign.body.code]).toEqual([400, 'request.invalid-cursor']);
  for (const mangled of ['nonsense', cursor.slice(1), `${cursor}x`, cursor.slice(8), 'WyJhIl0', '']) {
    const refused = await call('GET', `/letters?cursor=${mangled}`);
    expect([mangled, refused.status]).toEqual([mangled, 400]);
  }
});

test('what is no UTF-8 is refused, never repaired', async () => {
  const raw = new Uint8Array([...Buffer.from('{"items":[],"note":"'), 0xff, ...Buffer.from('"}')]);
  expect((await call('POST', '/orders', { raw, token: authorization })).status).toBe(400);
  const latin = { body: { items: [] }, type: 'application/json; charset=latin1', token: authorization };
  expect((await call('POST', '/orders', latin)).status).toBe(415);
  expect((await call('GET', '/letters?cursor=%ff')).status).toBe(400);
  const half = await call('POST', '/orders', { raw: '{"items":[],"note":"\\ud800"}', token: authorization });
  expect([half.status, half.body.errors[0].field]).toEqual([422, 'note']);
});
