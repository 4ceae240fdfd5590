import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import type { Registration, ServiceChange } from '#contracts/registry';
import { createLogger } from '#kit/core/log';
import { readiness } from '#kit/core/readiness';
import { createRuntime, type Runtime } from '#kit/core/runtime';
import { watchRegistry } from '#kit/registry/client';
import { eventually } from '../tests/support/eventually';
import { openAddress } from '../tests/support/open-address';
import { freePort, spawnRegistry, startRegistry } from '../tests/support/registry';

// After a restart the instances register again within one heartbeat of five seconds.
setDefaultTimeout(60_000);

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function newRuntime(name: string): Promise<Runtime> {
  const log = await createLogger({ name, level: 'silent' });
  const runtime = createRuntime({ name, version: '1.0.0', log });
  opened.push(runtime.close);
  return runtime;
}

async function registryOn(port: number) {
  const running = await spawnRegistry(port);
  opened.push(running.kill);
  return running;
}

async function registerClient(name: string, urls: readonly string[], more: Partial<Registration> = {}) {
  const address = openAddress();
  opened.push(address.close);
  const lease = address.register(await newRuntime(name), urls, { name, routes: [], ...more });
  opened.push(lease.deregister);
  return lease;
}

async function listed(url: string, name: string): Promise<string[]> {
  const response = await fetch(`${url}/services/${name}`);
  if (response.status === 404) return [];
  return ((await response.json()) as ServiceChange).instances.map((instance) => instance.instance_id);
}

test('all instances register again within a heartbeat of a registry restart, and watchers keep their view', async () => {
  const port = freePort();
  const first = await registryOn(port);
  const users = await registerClient('users', [first.url]);
  const posts = await registerClient('posts', [first.url]);
  const runtime = await newRuntime('watcher');
  const client = watchRegistry(runtime, { urls: [first.url] });
  await client.ready;
  await eventually(() => client.instances('users').length === 1 && client.instances('posts').length === 1);
  let smallest = 2;
  client.onChange(() => {
    smallest = Math.min(smallest, client.instances('users').length + client.instances('posts').length);
  });

  await first.kill();
  expect(client.instances('users')).toHaveLength(1);
  const second = await registryOn(port);
  await eventually(async () => (await listed(second.url, 'users')).includes(users.instanceId()));
  await eventually(async () => (await listed(second.url, 'posts')).includes(posts.instanceId()));
  await eventually(() => client.snapshot().revision >= 2);
  expect(smallest).toBe(2);

  await users.deregister();
  await eventually(() => client.instances('users').length === 0);
  expect(client.instances('posts')).toHaveLength(1);
});

test('a process that starts before the registry registers as soon as the registry is available', async () => {
  const port = freePort();
  const lease = await registerClient('early', [`http://127.0.0.1:${port}`]);
  const client = watchRegistry(await newRuntime('watcher'), { urls: [`http://127.0.0.1:${port}`] });
  const running = await registryOn(port);
  await lease.registered;
  await eventually(async () => expect(await listed(running.url, 'early')).toEqual([lease.instanceId()]));
  await client.ready;
  await eventually(() => client.instances('early').length === 1);
});

test('readiness reports the age of the view, and an unavailable registry', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const runtime = await newRuntime('watcher');
  const disconnected = await newRuntime('disconnected');
  await watchRegistry(runtime, { urls: [url] }).ready;
  watchRegistry(disconnected, { urls: [`http://127.0.0.1:${freePort()}`] });
  const seen = await readiness(runtime);
  expect(seen.dependencies.registry).toMatchObject({
    status: 'up',
    detail: expect.stringMatching(/^the view is 0\.\d s old$/),
  });
  const unseen = await readiness(disconnected);
  expect(unseen).toMatchObject({ ready: true, status: 'degraded' });
  expect(unseen.dependencies.registry).toMatchObject({
    status: 'down',
    detail: 'no registry has responded yet',
  });
});

test('clients fall back to the second registry when the first is unavailable', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const urls = [`http://127.0.0.1:${freePort()}`, url];
  const lease = await registerClient('fallback', urls);
  await lease.registered;
  const client = watchRegistry(await newRuntime('watcher'), { urls });
  await eventually(() => client.instances('fallback').length === 1);
});

test('watchers receive state changes at once, and an empty service after the last deregistration', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const lease = await registerClient('stateful', [url], { state: 'starting' });
  const client = watchRegistry(await newRuntime('watcher'), { urls: [url] });
  const state = () => client.instances('stateful')[0]?.state;
  await eventually(() => state() === 'starting');
  await lease.setState('up');
  await eventually(() => state() === 'up');
  await lease.setState('draining');
  await eventually(() => state() === 'draining');
  await lease.deregister();
  await eventually(() => client.snapshot().services.stateful?.length === 0);
});

test('a service registers its route as soon as the owner of the route has deregistered', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const routes = [{ method: 'GET', path: '/contested', auth: 'public' }];
  const owner = await registerClient('owner', [url], { routes });
  await owner.registered;
  const rival = await registerClient('rival', [url], { routes });
  await owner.deregister();
  await rival.registered;
  expect(await listed(url, 'rival')).toEqual([rival.instanceId()]);
});

test('a deregistration waits for an acknowledging watcher', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const lease = await registerClient('leaving', [url]);
  const client = watchRegistry(await newRuntime('gateway'), {
    urls: [url],
    acknowledges: { credential: undefined },
  });
  let acknowledged = '';
  client.acknowledgeDrains((service) => service === acknowledged);
  await eventually(() => client.instances('leaving').length === 1);
  const removal = lease.deregister(20_000);
  await eventually(() => client.instances('leaving')[0]?.state === 'draining');
  acknowledged = 'leaving';
  expect(await removal).toBe(true);
  await eventually(() => client.instances('leaving').length === 0);
});

test('a registry that crashes during a drain does not block the deregistration', async () => {
  const running = await registryOn(freePort());
  const lease = await registerClient('leaving', [running.url, `http://127.0.0.1:${freePort()}`]);
  await lease.registered;
  const client = watchRegistry(await newRuntime('gateway'), {
    urls: [running.url],
    acknowledges: { credential: undefined },
  });
  client.acknowledgeDrains(() => false);
  await client.ready;
  const removal = lease.deregister(60_000);
  await eventually(() => client.instances('leaving')[0]?.state === 'draining');
  await running.kill();
  expect(await removal).toBe(false);
});

test('clients fall back to long polls when event streams are blocked', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const withoutStreams = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (pathname === '/watch') return new Response('streams are blocked here', { status: 502 });
      return fetch(url + pathname + search, { signal: request.signal });
    },
  });
  opened.push(() => withoutStreams.stop(true));
  const client = watchRegistry(await newRuntime('watcher'), {
    urls: [`http://127.0.0.1:${withoutStreams.port}`],
  });
  await client.ready;
  const lease = await registerClient('polled', [url]);
  await eventually(() => client.instances('polled').length === 1);
  await lease.deregister();
  await eventually(() => client.instances('polled').length === 0);
});
