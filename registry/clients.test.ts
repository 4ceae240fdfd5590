import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import type { Registration, ServiceChange } from '#contracts/registry';
import { createLogger } from '#kit/core/log';
import { readiness } from '#kit/core/readiness';
import { createRuntime, type Runtime } from '#kit/core/runtime';
import { watchRegistry } from '#kit/registry/client';
import { registerInstance } from '#kit/registry/lease';
import { eventually } from '../tests/support/eventually';
import { freePort, spawnRegistry, startRegistry } from '../tests/support/registry';

// A restart is healed within one heartbeat of five seconds.
setDefaultTimeout(30_000);

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

async function join(name: string, urls: readonly string[], more: Partial<Registration> = {}) {
  const lease = registerInstance(await newRuntime(name), {
    urls,
    registration: {
      name,
      version: '1.0.0',
      host: '127.0.0.1',
      port: 5101,
      routes: [],
      prefixes: [name],
      ...more,
    },
  });
  opened.push(lease.deregister);
  return lease;
}

async function listed(url: string, name: string): Promise<string[]> {
  const response = await fetch(`${url}/services/${name}`);
  if (response.status === 404) return [];
  return ((await response.json()) as ServiceChange).instances.map((instance) => instance.instance_id);
}

test('a restarted registry is known to all again within a heartbeat, and no watcher loses its view meanwhile', async () => {
  const port = freePort();
  const first = await registryOn(port);
  const users = await join('users', [first.url]);
  const posts = await join('posts', [first.url]);
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

test('a process that starts before the registry joins it as soon as it is there', async () => {
  const port = freePort();
  const lease = await join('early', [`http://127.0.0.1:${port}`]);
  const client = watchRegistry(await newRuntime('watcher'), { urls: [`http://127.0.0.1:${port}`] });
  const running = await registryOn(port);
  await lease.registered;
  expect(await listed(running.url, 'early')).toEqual([lease.instanceId()]);
  await client.ready;
  await eventually(() => client.instances('early').length === 1);
});

test('readiness says how old the view is, and that nobody answers', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const runtime = await newRuntime('watcher');
  const away = await newRuntime('lonely');
  await watchRegistry(runtime, { urls: [url] }).ready;
  watchRegistry(away, { urls: [`http://127.0.0.1:${freePort()}`] });
  const seen = await readiness(runtime);
  expect(seen.dependencies.registry).toMatchObject({
    status: 'up',
    detail: expect.stringMatching(/^the view is 0\.\d s old$/),
  });
  const unseen = await readiness(away);
  expect(unseen).toMatchObject({ ready: true, status: 'degraded' });
  expect(unseen.dependencies.registry).toMatchObject({
    status: 'down',
    detail: 'no registry has answered yet',
  });
});

test('the second of several registries serves when the first does not answer', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const urls = [`http://127.0.0.1:${freePort()}`, url];
  const lease = await join('choosy', urls);
  await lease.registered;
  const client = watchRegistry(await newRuntime('watcher'), { urls });
  await eventually(() => client.instances('choosy').length === 1);
});

test('states reach watchers at once, and leaving is an explicit "all gone"', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const lease = await join('stateful', [url], { state: 'starting' });
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

test('a route that another service holds is won as soon as that service has left', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const routes = [{ method: 'GET', path: '/contested', auth: 'public' }];
  const owner = await join('owner', [url], { routes });
  await owner.registered;
  const rival = await join('rival', [url], { routes });
  await owner.deregister();
  await rival.registered;
  expect(await listed(url, 'rival')).toEqual([rival.instanceId()]);
});

test('whoever acknowledges is waited for, and says so once it has let go', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const lease = await join('leaving', [url]);
  const client = watchRegistry(await newRuntime('gateway'), {
    urls: [url],
    acknowledges: { token: undefined },
  });
  let letGoOf = '';
  client.acknowledgeDrains((service) => service === letGoOf);
  await eventually(() => client.instances('leaving').length === 1);
  const left = lease.deregister(20_000);
  await eventually(() => client.instances('leaving')[0]?.state === 'draining');
  letGoOf = 'leaving';
  expect(await left).toBe(true);
  await eventually(() => client.instances('leaving').length === 0);
});

test('a registry that dies while somebody waits there to leave holds nobody', async () => {
  const running = await registryOn(freePort());
  const lease = await join('leaving', [running.url, `http://127.0.0.1:${freePort()}`]);
  await lease.registered;
  const client = watchRegistry(await newRuntime('gateway'), {
    urls: [running.url],
    acknowledges: { token: undefined },
  });
  client.acknowledgeDrains(() => false);
  await client.ready;
  const left = lease.deregister(60_000);
  await eventually(() => client.instances('leaving')[0]?.state === 'draining');
  await running.kill();
  expect(await left).toBe(false);
});

test('where streams are not answered, long polls bring the view and its changes', async () => {
  const { url, close } = await startRegistry();
  opened.push(close);
  const streamless = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (pathname === '/watch') return new Response('streams are blocked here', { status: 502 });
      return fetch(url + pathname + search, { signal: request.signal });
    },
  });
  opened.push(() => streamless.stop(true));
  const client = watchRegistry(await newRuntime('watcher'), {
    urls: [`http://127.0.0.1:${streamless.port}`],
  });
  await client.ready;
  const lease = await join('polled', [url]);
  await eventually(() => client.instances('polled').length === 1);
  await lease.deregister();
  await eventually(() => client.instances('polled').length === 0);
});
