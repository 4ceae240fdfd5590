import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type RegistryClient, watchRegistry } from '#kit/registry/client';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';
import { freePort, SHORT_LEASE, spawnRegistry } from '../support/registry';
import { testRuntime } from '../support/servers';

/**
 * In full, with the leases of every day: REGISTRY_PAUSED_MS=60000 REGISTRY_GONE_MS=600000. By default leases are short,
 * and standing still takes a little longer than those.
 */
const PAUSED_MS = Number(process.env.REGISTRY_PAUSED_MS ?? SHORT_LEASE.removedMs * 1.5);
const GONE_MS = Number(process.env.REGISTRY_GONE_MS ?? 1_000);
const lease = process.env.REGISTRY_PAUSED_MS === undefined ? 'short' : 'default';

setDefaultTimeout(PAUSED_MS + GONE_MS + 60_000);

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
  await eventually(async () => (await ask()).ok);
});
afterAll(async () => {
  await runtime.close();
  await Promise.all([...(instances ?? []), gateway].map((process) => process?.kill()));
  await registry?.kill();
});

const ask = (method: 'GET' | 'POST' = 'GET') =>
  fetch(`${gateway.url}/steady${method === 'GET' ? '/1' : ''}`, { method });

const listed = async (): Promise<number> => {
  const { instances: all } = await (await fetch(`${registry.url}/services/steady`)).json();
  return all.length;
};

/** What a gateway answers for so long, and the fewest instances that a watcher has seen meanwhile. */
async function traffic(ms: number) {
  const statuses = new Set<number>();
  let fewest = view.instances('steady').length;
  const stopLooking = view.onChange(() => {
    fewest = Math.min(fewest, view.instances('steady').length);
  });
  let asked = 0;
  for (const until = performance.now() + ms; performance.now() < until; asked++) {
    statuses.add((await ask()).status);
    await Bun.sleep(5);
  }
  stopLooking();
  expect(asked).toBeGreaterThan(10);
  return { statuses: [...statuses], fewest };
}

test('a registry that stood still for longer than a lease evicts nobody when it goes on', async () => {
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

test('while the registry is gone traffic goes on, and when it is back nobody is missed', async () => {
  await registry.kill();
  const meanwhile = await traffic(GONE_MS);
  registry = await spawnRegistry(port, {}, lease);
  const afterwards = await traffic(500);
  await eventually(async () => (await listed()) === 2);
  expect([meanwhile, afterwards]).toEqual([
    { statuses: [200], fewest: 2 },
    { statuses: [200], fewest: 2 },
  ]);
});

test('when all instances of a service were killed it is unavailable at once, long before their leases lapse', async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.kill()));
  for (const method of ['GET', 'POST', 'GET'] as const) {
    const response = await ask(method);
    expect([response.status, response.headers.get('retry-after')]).toEqual([
      503,
      expect.stringMatching(/^[1-9]\d*$/),
    ]);
    expect(await response.json()).toMatchObject({ code: 'service.unavailable' });
  }
});

test('when the last instance has left, its service is unavailable, not unknown', async () => {
  const environment = { REGISTRY_URL: registry.url, SERVICE: 'last', AMQP_URL: 'amqp://127.0.0.1:1' };
  const last = await startProcess('tests/support/named-service.ts', environment);
  const askLast = () => fetch(`${gateway.url}/last/1`);
  await eventually(async () => (await askLast()).status === 200);
  await last.stop();
  const response = await askLast();
  expect([response.status, response.headers.get('retry-after')]).toEqual([
    503,
    expect.stringMatching(/^[1-9]\d*$/),
  ]);
});
