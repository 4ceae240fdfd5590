import { afterAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../../tests/support/servers';
import { requests } from '../requests';
import { serveHttp } from '../server';
import { operations } from './operations';

const runtime = testRuntime('operations');
const app = new Elysia().use(requests(runtime, { bodyBytes: 0 })).use(operations(runtime));
const server = serveHttp(runtime, app, { hostname: '127.0.0.1', port: 0, strictPort: true });
const address = `http://127.0.0.1:${server.port}`;
const headers = { 'x-request-id': 'request-of-the-test' };

afterAll(async () => {
  await server.stop(1_000);
  await runtime.close();
});

test('a process without routes of its own serves health, readiness and metrics', async () => {
  for (const path of ['/health', '/healthz', '/readyz', '/metrics'])
    expect((await fetch(`${address}${path}`)).status).toBe(200);
});

test('unknown paths and methods are problem documents with the request id', async () => {
  const unknown = await fetch(`${address}/nothing`, { headers });
  const wrong = await fetch(`${address}/health`, { method: 'POST', headers });
  expect([unknown.status, wrong.status, wrong.headers.get('allow')]).toEqual([404, 405, 'GET, HEAD']);
  expect(unknown.headers.get('content-type')).toBe('application/problem+json');
  expect(unknown.headers.get('x-request-id')).toBe('request-of-the-test');
  expect(await unknown.json()).toMatchObject({ code: 'route.not-found', request_id: 'request-of-the-test' });
});
