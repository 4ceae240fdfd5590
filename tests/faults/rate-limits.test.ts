import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '#kit/core/runtime';
import { type InstanceLease, registerInstance } from '#kit/registry/lease';
import { type Stack, startStack } from '../../infra/stack';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';
import { testRuntime } from '../support/servers';

/** Bursts of forty requests, and of five sign-ins per address; hardly any quota is refilled during the tests. */
const LIMITS = { RATE_LIMIT_PER_MINUTE: '80', RATE_LIMIT_SIGN_IN_PER_MINUTE: '10' };

const folder = mkdtempSync(join(tmpdir(), 'rookery-rate-limits-'));
let runtime: Runtime;
let stack: Stack;
let registry: StartedProcess;
let gateways: StartedProcess[] = [];
let lease: InstanceLease;
let service: Bun.Server<undefined>;
let signIns = 0;

beforeAll(async () => {
  runtime = testRuntime('rate-limits');
  stack = await startStack({
    folder,
    profile: 'test',
    portOffset: 9_300,
    only: ['redis'],
    source: {},
  });
  registry = await startProcess('registry/main.ts', {});
  service = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch({ method }) {
      // The gateway also fetches the OpenAPI document.
      if (method === 'POST') signIns++;
      return new Response('in');
    },
  });
  lease = registerInstance(runtime, {
    urls: [registry.url],
    registration: {
      name: 'doors',
      version: '1.0.0',
      host: '127.0.0.1',
      port: service.port ?? 0,
      prefixes: [],
      verify: 'http',
      health_path: '/',
      routes: [{ method: 'POST', path: '/sign-in', auth: 'public', rate_limit: 'sign-in' }],
    },
  });
  await lease.registered;
  const environment = {
    ...stack.environment,
    ...LIMITS,
    REGISTRY_URL: registry.url,
    TRUSTED_PROXIES: '127.0.0.1',
    METRICS_ALLOWED: '192.0.2.2',
  };
  gateways = await Promise.all([
    startProcess('gateway/main.ts', environment),
    startProcess('gateway/main.ts', environment),
  ]);
  await eventually(async () => {
    for (const number of [0, 1]) {
      expect((await signIn(number, someAddress())).status).toBe(200);
      expect(await isShared(number)).toBe(true);
    }
  });
}, 60_000);

afterAll(async () => {
  await lease?.deregister();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await registry?.stop();
  await service?.stop(true);
  await stack?.stop();
  await runtime?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** An address that other tests hardly use. */
const someAddress = () => `198.51.100.${Math.floor(Math.random() * 250)}`;

/** Sends a request to one of the gateways from a client address. */
const call = (gateway: number, path: string, address: string, init: RequestInit = {}) =>
  fetch(`${gateways[gateway]?.url}${path}`, { ...init, headers: { 'x-forwarded-for': address } });
const signIn = (gateway: number, address: string) =>
  call(gateway, '/sign-in', address, { method: 'POST', body: '{"name":"someone"}' });

const statusesOf = async (requests: Promise<Response>[]) =>
  (await Promise.all(requests)).map(({ status }) => status);
const count = (statuses: readonly number[], status: number) =>
  statuses.filter((one) => one === status).length;
const metrics = async (gateway: number) => await (await call(gateway, '/metrics', '192.0.2.2')).text();
const isShared = async (gateway: number) => /^gateway_rate_limits_shared 1$/m.test(await metrics(gateway));

test('two gateways share one limit', async () => {
  const before = signIns;
  const statuses = await statusesOf(
    Array.from({ length: 30 }, (_, index) => signIn(index % 2, '192.0.2.10')),
  );
  expect([count(statuses, 200), count(statuses, 429)]).toEqual([5, 25]);
  expect(signIns - before).toBe(5);

  for (let request = 0; request < 40; request++) await call(0, '/nothing', '192.0.2.11');
  await eventually(async () => expect((await call(1, '/nothing', '192.0.2.11')).status).toBe(429));
  const rejected = await call(0, '/nothing', '192.0.2.11');
  expect(rejected.headers.get('ratelimit-policy')).toBe('"default";q=40;w=30');
  expect(rejected.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
  expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await rejected.json()).toMatchObject({ status: 429, code: 'rate.limited' });
  expect(await metrics(0)).toMatch(/gateway_rate_limited_total\{policy="default"\} [1-9]/);
  expect((await call(0, '/health', '192.0.2.11')).status).toBe(200);
});

test('a route with a strict limit reports both limits', async () => {
  const { headers } = await signIn(0, '192.0.2.20');
  expect(headers.get('ratelimit-policy')).toBe('"default";q=40;w=30, "sign-in";q=5;w=30');
  expect(headers.get('ratelimit')).toBe('"default";r=39;t=1, "sign-in";r=4;t=6');
});

test('while Redis is unavailable each gateway applies the limits on its own, and shared limits resume afterwards', async () => {
  await stack.server('redis').kill('SIGKILL');
  const isolated = await statusesOf(
    Array.from({ length: 30 }, (_, index) => signIn(index % 2, '192.0.2.30')),
  );
  expect([count(isolated, 200), count(isolated, 429)]).toEqual([10, 20]);
  for (const number of [0, 1]) {
    expect(await isShared(number)).toBe(false);
    const ready = await call(number, '/readyz', '192.0.2.31');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      dependencies: { redis: { status: 'down', required: false } },
    });
  }

  await stack.server('redis').restart();
  for (const number of [0, 1])
    await eventually(async () => {
      await signIn(number, someAddress());
      expect(await isShared(number)).toBe(true);
    });
  const shared = await statusesOf(Array.from({ length: 30 }, (_, index) => signIn(index % 2, '192.0.2.200')));
  expect(count(shared, 200)).toBe(5);
  for (const gateway of gateways)
    expect(gateway.output().match(/enforcing rate limits locally/g)).toHaveLength(1);
}, 60_000);

test('a Redis that hangs delays no request for long', async () => {
  const pid = stack.server('redis').pid();
  if (pid === undefined) throw new Error('Redis is not running');
  process.kill(pid, 'SIGSTOP');
  try {
    const statuses = await statusesOf(Array.from({ length: 8 }, () => signIn(0, '192.0.2.210')));
    expect([count(statuses, 200), count(statuses, 429)]).toEqual([5, 3]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});
