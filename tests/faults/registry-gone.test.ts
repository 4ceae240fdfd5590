import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type RegistryClient, watchRegistry } from '#kit/registry/client';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';
import { freePort, SHORT_LEASE, spawnRegistry } from '../support/registry';
import { testRuntime } from '../support/servers';

/**
 * With default leases: REGISTRY_PAUSED_MS=60000 REGISTRY_GONE_MS=600000. Otherwise leases are short, and the pause is
 * slightly longer than those.
 */
const PAUSED_MS = Number(process.env.REGISTRY_PAUSED_MS ?? SHORT_LEASE.removedMs * 1.5);
const OUTAGE_MS = Number(process.env.REGISTRY_GONE_MS ?? 1_000);
const lease = process.env.REGISTRY_PAUSED_MS === undefined ? 'short' : 'default';

setDefaultTimeout(PAUSED_MS + OUTAGE_MS + 60_000);

const port = freePort();
const runtime = testRuntime('watcher');
let registry: Awaited<ReturnType<typeof spawnRegistry>>;
let gateway: StartedProcess;
let instances: StartedProcess[];
let view: RegistryClient;

beforeAll(async () => {
  registry = await spawnRegistry(port, {}, lease);
  const environment = { REGISTRY_URL: registry.url, SERVICE: 'steady', AMQP_URL: 'amqp://127.0.0.1:1' };
  [gateway, ...instances] = await Promise.all([
    startProcess('gateway/main.ts', environment),
    startProcess('tests/support/named-service.ts', environment),
    startProcess('tests/support/named-service.ts', environment),
  ]);
  view = watchRegistry(runtime, { urls: [registry.url] });
  await eventually(() => view.instances('steady').length === 2);
  await eventually(async () => (await call()).ok);
});
afterAll(async () => {
  await runtime.close();
  await Promise.all([...(instances ?? []), gateway].map((process) => process?.kill()));
  await registry?.kill();
});

const call = (method: 'GET' | 'POST' = 'GET') =>
  fetch(`${gateway.url}/steady${method === 'GET' ? '/1' : ''}`, { method });

const listed = async (): Promise<number> => {
  const { instances: all } = await (await fetch(`${registry.url}/services/steady`)).json();
  return all.length;
};

/** Sends requests for `ms`; returns their statuses and the fewest instances that a watcher has seen meanwhile. */
async function traffic(ms: number) {
  const statuses = new Set<number>();
  let fewest = view.instances('steady').length;
  const stopWatching = view.onChange(() => {
    fewest = Math.min(fewest, view.instances('steady').length);
  });
  let calls = 0;
  for (const deadline = performance.now() + ms; performance.now() < deadline; calls++) {
    statuses.add((await call()).status);
    await Bun.sleep(5);
  }
  stopWatching();
  expect(calls).toBeGreaterThan(10);
  return { statuses: [...statuses], fewest };
}

test('a registry that was paused for longer than a lease removes no instance when it resumes', async () => {
  registry.child.kill('SIGSTOP');
  const meanwhile = await traffic(PAUSED_MS);
  registry.child.kill('SIGCONT');
  expect(await listed()).toBe(2);
  const afterwards = await traffic(500);
  expect([meanwhile, afterwards]).toEqual([
    { statuses: [200], fewest: 2 },
    { statuses: [200], fewest: 2 },
  ]);
  expect(await listed()).toBe(2);
});

test('requests succeed during a registry outage, and all instances register again afterwards', async () => {
  await registry.kill();
  const meanwhile = await traffic(OUTAGE_MS);
  registry = await spawnRegistry(port, {}, lease);
  const afterwards = await traffic(500);
  await eventually(async () => (await listed()) === 2);
  expect([meanwhile, afterwards]).toEqual([
    { statuses: [200], fewest: 2 },
    { statuses: [200], fewest: 2 },
  ]);
});

test('a service whose instances were all killed is unavailable at once, before their leases expire', async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.kill()));
  for (const method of ['GET', 'POST', 'GET'] as const) {
    const response = await call(method);
    expect([response.status, response.headers.get('retry-after')]).toEqual([
      503,
      expect.stringMatching(/^[1-9]\d*$/),
    ]);
    expect(await response.json()).toMatchObject({ code: 'service.unavailable' });
  }
});

test('a service whose last instance has deregistered is unavailable, not unknown', async () => {
  const environment = { REGISTRY_URL: registry.url, SERVICE: 'last', AMQP_URL: 'amqp://127.0.0.1:1' };
  const last = await startProcess('tests/support/named-service.ts', environment);
  const callLast = () => fetch(`${gateway.url}/last/1`);
  await eventually(async () => (await callLast()).status === 200);
  await last.stop();
  const response = await callLast();
  expect([response.status, response.headers.get('retry-after')]).toEqual([
    503,
    expect.stringMatching(/^[1-9]\d*$/),
  ]);
});
