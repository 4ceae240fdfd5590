import { afterAll, beforeAll, expect, test } from 'bun:test';
import { registerInstance } from '#kit/registry/lease';
import { eventually } from '../../tests/support/eventually';
import { openAddress } from '../../tests/support/open-address';
import { type StartedProcess, startProcess } from '../../tests/support/processes';
import { serverVariable, testRuntime } from '../../tests/support/servers';

const APP = 'https://app.example.com';
const TOKENS = { JWT_ALG: 'HS256', JWT_SECRET: 'a-secret-for-tests-of-admission-ok' };
const STYLE = '/birds/docs/assets/swagger-ui.css';

const runtime = testRuntime('admission');
const openBirds = openAddress();
let registry: StartedProcess;
let gateway: StartedProcess;
let birds: StartedProcess;

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  const environment = { ...TOKENS, REGISTRY_URL: registry.url };
  [gateway, birds] = await Promise.all([
    startProcess('gateway/main.ts', {
      ...environment,
      REDIS_URL: serverVariable('REDIS_URL'),
      RATE_LIMIT_PER_MINUTE: '6000',
      CORS_ORIGINS: APP,
      RESPONSE_CACHE_BYTES: '10000000',
    }),
    startProcess('tests/support/named-service.ts', { ...environment, SERVICE: 'birds' }),
  ]);
  openBirds.register(runtime, [registry.url], {
    name: 'open-birds',
    routes: [{ method: 'GET', path: '/open-birds/:id', cors: 'public' }],
  });
  registerInstance(runtime, {
    urls: [registry.url],
    registration: {
      name: 'mirror',
      host: '127.0.0.1',
      port: Number(new URL(gateway.url).port),
      // The gateway holds no lease, and proves none.
      verify: 'http',
      health_path: '/health',
      routes: [{ method: 'POST', path: '/mirror' }],
    },
  });
  await eventually(async () => {
    for (const path of ['/open-birds/1', '/mirror'])
      expect((await ask(path, { method: 'OPTIONS' })).status).toBe(204);
    expect((await ask('/birds/1')).status).toBe(200);
    // Until a registry that has just started is settled, unknown paths are unavailable.
    expect((await ask('/nowhere')).status).toBe(404);
  });
}, 60_000);

afterAll(async () => {
  await runtime.close();
  await Promise.all([gateway?.stop(), birds?.stop(), openBirds.close()]);
  await registry?.stop();
}, 60_000);

const ask = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, { ...init, signal: AbortSignal.timeout(10_000) });
const metric = async (pattern: RegExp) =>
  Number(pattern.exec(await (await ask('/metrics')).text())?.[1] ?? Number.NaN);

test('a listed origin receives CORS headers on upstream responses, local responses and rejections', async () => {
  for (const path of ['/birds/1', '/', '/nowhere']) {
    const { headers } = await ask(path, { headers: { origin: APP } });
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('vary')).toContain('Origin');
    expect(headers.get('ratelimit')).toMatch(/^"default";r=\d+;t=\d+$/);
  }
});

test('a preflight lists the methods of a route, also below a prefix', async () => {
  const headers = { origin: APP, 'access-control-request-method': 'POST' };
  const preflight = (path: string) => ask(path, { method: 'OPTIONS', headers });
  const answer = await preflight('/birds');
  expect(answer.status).toBe(204);
  expect(answer.headers.get('access-control-allow-methods')).toBe('POST, OPTIONS');
  expect((await preflight('/birds-too/birds/1')).headers.get('access-control-allow-methods')).toBe(
    'GET, HEAD, OPTIONS',
  );
  expect((await preflight('/nowhere')).status).toBe(404);
  const plain = await ask('/birds/1', { method: 'OPTIONS' });
  expect([plain.status, plain.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
});

test('public files of a service are cached, private ones are not', async () => {
  const first = await ask(STYLE);
  const text = await first.text();
  expect(first.headers.get('cache-control')).toContain('public');
  const again = await ask(STYLE, { headers: { 'x-request-id': 'of-the-second' } });
  expect(again.headers.get('cache-status')).toBe('rookery; hit');
  expect(again.headers.get('x-request-id')).toBe('of-the-second');
  expect(await again.text()).toBe(text);
  await ask('/birds/1');
  expect((await ask('/birds/1')).headers.get('cache-status')).toBeNull();
  expect(await metric(/gateway_response_cache_lookups_total\{result="hit"\} (\d+)/)).toBe(1);
  expect(await metric(/^gateway_response_cache_bytes (\d+)/m)).toBeGreaterThan(10_000);
});

test('a public route is readable for pages of any origin, also unlisted ones', async () => {
  const origin = 'https://anywhere.example';
  const { headers } = await ask('/open-birds/1', { headers: { origin } });
  expect(headers.get('access-control-allow-origin')).toBe('*');
  expect(headers.get('access-control-allow-credentials')).toBeNull();
  const preflight = await ask('/open-birds/1', {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
    204,
    'GET, HEAD',
  ]);
  // Not counted: it has no rate limit headers.
  expect(preflight.headers.get('ratelimit')).toBeNull();
  expect(
    (await ask('/birds/1', { headers: { origin } })).headers.get('access-control-allow-origin'),
  ).toBeNull();
});

test('a service with the address of the gateway gets a request once', async () => {
  const refusals = async () =>
    (await metric(/gateway_requests_total\{[^}]*refused[^}]*5xx[^}]*\} (\d+)/)) || 0;
  const before = await refusals();
  const response = await ask('/mirror', { method: 'POST' });
  expect(response.status).toBe(508);
  expect(await response.json()).toMatchObject({ code: 'request.loop' });
  expect((await refusals()) - before).toBe(1);
});
