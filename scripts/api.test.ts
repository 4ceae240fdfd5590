import { afterAll, expect, test } from 'bun:test';
import { actAs, openApi, readAll } from './api';

/** Returns the responses that a test has queued, and records the requests. */
const responses: (() => Response)[] = [];
const requests: { path: string; token: string | null }[] = [];
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    const { pathname, search } = new URL(request.url);
    requests.push({ path: `${pathname}${search}`, token: request.headers.get('authorization') });
    return responses.shift()?.() ?? Response.json({ title: 'no response queued' }, { status: 500 });
  },
});
const api = openApi(`http://127.0.0.1:${server.port}/`);
afterAll(() => server.stop(true));

const json = (body: unknown, init?: ResponseInit) => () => Response.json(body, init);

test('an overloaded server is retried after its Retry-After', async () => {
  const started = performance.now();
  responses.push(
    json({}, { status: 429, headers: { 'retry-after': '1' } }),
    json({}, { status: 503 }),
    json({ good: true }),
  );
  expect((await api.call('GET', '/x')).body).toEqual({ good: true });
  expect(performance.now() - started).toBeGreaterThan(1_000);
});

test('a rejected request is not retried and is reported with its code', async () => {
  responses.push(json({ code: 'user.blocked', title: 'Blocked' }, { status: 403 }));
  await expect(api.call('POST', '/x')).rejects.toMatchObject({ status: 403, code: 'user.blocked' });
  expect(responses).toHaveLength(0);
});

test('a Retry-After of an hour is reported instead of waited for', async () => {
  responses.push(json({}, { status: 429, headers: { 'retry-after': '3600' } }));
  await expect(api.call('GET', '/x')).rejects.toMatchObject({ status: 429 });
});

test('a person signs in once at the first request, and again before the token expires', async () => {
  requests.length = 0;
  const lasting = json({ access_token: 'lasting', expires_in: 600 });
  const expiring = json({ access_token: 'expiring', expires_in: 0 });
  responses.push(lasting, json({}), json({}), expiring, json({}), lasting, json({}));
  const ada = actAs(api, { username: 'ada', password: 'x' });
  const bela = actAs(api, { username: 'bela', password: 'x' });
  for (const person of [ada, ada, bela, bela]) await person.call('GET', '/me');
  expect(requests.map(({ path, token }) => token ?? path)).toEqual([
    ...['/login', 'Bearer lasting', 'Bearer lasting'],
    ...['/login', 'Bearer expiring', '/login', 'Bearer lasting'],
  ]);
});

test('a list is read page by page to its end', async () => {
  requests.length = 0;
  responses.push(json({ items: [1, 2], next_cursor: 'a=' }), json({ items: [3], next_cursor: null }));
  expect(await readAll(api, '/list')).toEqual([1, 2, 3]);
  expect(requests.map(({ path }) => path)).toEqual(['/list?limit=100', '/list?limit=100&cursor=a%3D']);
});
