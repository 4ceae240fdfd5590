import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { inMediaTypes } from './body/read-body';
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
  .post('/orders/:id/cancel', () => ({ canceled: true }), { user: true })
  .delete('/orders/:id', () => ({ deleted: true }), { user: true })
  .post('/sessions/end', ({ body }) => ({ token: body?.token ?? null }), {
    public: true,
    body: Type.Optional(Type.Object({ token: Type.Optional(Type.String()) })),
  })
  .post('/tokens/revoke', ({ body }) => body, {
    public: true,
    body: inMediaTypes(
      Type.Object({ token: Type.String() }),
      'application/json',
      'application/x-www-form-urlencoded',
    ),
  })
  .post('/uploads', async ({ request }) => ({ length: (await request.text()).length }), {
    public: true,
    parse: () => null,
  })
  .model({ Named: Type.Object({ name: Type.String() }) })
  .post('/named', ({ body }) => body, { public: true, body: 'Named' })
  .post('/unguarded', () => ({}))
  .get('/letters/:id', () => ({ letter: 'a' }), { public: true })
  .get('/found', ({ query }) => query, {
    public: true,
    query: Type.Object({ q: Type.Optional(Type.String()), tags: Type.Optional(Type.Array(Type.String())) }),
  })
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

const token = authorization;
const outcome = async (...request: Parameters<typeof call>) => {
  const { status, body } = await call(...request);
  return status === 200 ? body : [status, body.errors?.[0].field];
};

describe('a route without a body', () => {
  test.each(['/orders/1/cancel', '/orders/1'])('takes no body or an empty object: %s', async (path) => {
    const method = path.endsWith('cancel') ? 'POST' : 'DELETE';
    for (const options of [{}, { body: {} }, { raw: '' }, { raw: '', type: 'text/plain' }])
      expect((await call(method, path, { token, ...options })).status).toBe(200);
    for (const [options, status, field] of [
      [{ body: { amount: '5.00' } }, 422, 'amount'],
      [{ raw: '[]' }, 422, 'body'],
      [{ raw: 'null' }, 422, 'body'],
      [{ raw: '{' }, 400, undefined],
      [{ raw: 'amount=5', type: 'application/x-www-form-urlencoded' }, 415, undefined],
      [{ raw: 'x', type: '' }, 415, undefined],
    ] as const)
      expect(await outcome(method, path, { token, ...options })).toEqual([status, field]);
  });

  test('refuses one only to clients with access', async () => {
    expect((await call('POST', '/orders/1/cancel', { body: { amount: '5.00' } })).status).toBe(401);
  });

  test('refuses one without an access rule too', async () => {
    expect(await outcome('POST', '/unguarded', { body: { a: 1 } })).toEqual([422, 'a']);
    expect(await outcome('POST', '/unguarded?a=1')).toEqual([422, 'a']);
  });

  test('is every GET: content is refused, though the server drops it', async () => {
    const headers = new Headers({ 'content-length': '2' });
    const response = await app.handle(new Request('http://localhost/letters/1', { headers }));
    expect(response.status).toBe(422);
  });
});

test('a body may be a model of the app', async () => {
  expect(await outcome('POST', '/named', { body: { name: 'a' } })).toEqual({ name: 'a' });
  expect(await outcome('POST', '/named', { body: { name: 'a', nam: 'b' } })).toEqual([422, 'nam']);
});

test('an optional body is absent or an object', async () => {
  for (const options of [{}, { raw: '' }, { body: {} }])
    expect(await outcome('POST', '/sessions/end', options)).toEqual({ token: null });
  expect(await outcome('POST', '/sessions/end', { body: { token: 'a' } })).toEqual({ token: 'a' });
  for (const raw of ['null', '5', '"text"', '[]', 'true'])
    expect(await outcome('POST', '/sessions/end', { raw })).toEqual([422, 'body']);
});

test('a form is taken where the schema says so, each field once', async () => {
  const form = { type: 'application/x-www-form-urlencoded' };
  expect(await outcome('POST', '/tokens/revoke', { ...form, raw: 'token=a+b' })).toEqual({ token: 'a b' });
  for (const [raw, expected] of [
    ['token=a&token=b', [422, 'token']],
    ['token=a&hint=b', [422, 'hint']],
    ['token=%ff', [400, undefined]],
  ] as const)
    expect(await outcome('POST', '/tokens/revoke', { ...form, raw })).toEqual([...expected]);
  expect(await outcome('POST', '/orders', { ...form, raw: 'note=a', token })).toEqual([415, undefined]);
});

test('a route with a parser of its own gets its body unread', async () => {
  expect(await outcome('POST', '/uploads', { raw: 'abc', type: 'application/offset+octet-stream' })).toEqual({
    length: 3,
  });
});

test.each([
  ['GET', '/letters/1?fields=id'],
  ['POST', '/orders/1/cancel?fields=id'],
  ['DELETE', '/orders/1?fields=id'],
  ['POST', '/uploads?fields=id'],
  ['GET', '/found?q=a&fields=id'],
])('an unknown query parameter is refused: %s %s', async (method, path) => {
  expect(await outcome(method, path, { token })).toEqual([422, 'fields']);
});

test('probes and documentation take any query', async () => {
  expect((await call('GET', '/health?now=1')).status).toBe(200);
});

test('a parameter with one value stands once, one with several may be repeated', async () => {
  expect(await outcome('GET', '/letters?limit=1&limit=2')).toEqual([422, 'limit']);
  expect(await outcome('GET', '/found?q=a&q=a')).toEqual([422, 'q']);
  expect(await outcome('GET', '/found?tags=a&tags=b')).toEqual({ tags: ['a', 'b'] });
});

test('a name in a query that no schema could hold is not repeated', async () => {
  expect(await outcome('GET', '/letters?%3Cscript%3E=1')).toEqual([422, 'query']);
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
