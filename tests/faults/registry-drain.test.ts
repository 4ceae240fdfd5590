import { afterEach, expect, test } from 'bun:test';
import { registerInstance } from '#kit/registry/lease';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';
import { startRegistry } from '../support/registry';
import { testRuntime } from '../support/servers';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const route = (path: string) => ({ method: 'GET', path, auth: 'public' });

/** A registry, gateways that watch it, and a service whose responses the test delays. */
async function startSystem(gateways = 1) {
  const registry = await startRegistry();
  opened.push(registry.close);
  const held: ((response: Response) => void)[] = [];
  const service = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === '/held') return new Promise<Response>((respond) => void held.push(respond));
      if (pathname === '/socket')
        return server.upgrade(request) ? undefined : new Response(null, { status: 400 });
      if (pathname === '/events')
        return new Response(
          new ReadableStream({ start: (controller) => controller.enqueue('data: first\n\n') }),
          { headers: { 'content-type': 'text/event-stream' } },
        );
      return new Response('here');
    },
    websocket: { message: (socket, text) => void socket.send(text) },
  });
  opened.push(() => service.stop(true));
  const runtime = testRuntime('held');
  opened.push(runtime.close);
  const lease = registerInstance(runtime, {
    urls: [registry.url],
    registration: {
      name: 'held',
      version: '1.0.0',
      host: '127.0.0.1',
      port: service.port ?? 0,
      verify: 'http',
      health_path: '/at-once',
      routes: ['/held', '/events', '/socket', '/at-once'].map(route),
      prefixes: ['held'],
    },
  });
  await lease.registered;
  const gatewayProcesses = await Promise.all(
    Array.from({ length: gateways }, () =>
      startProcess('gateway/main.ts', { REGISTRY_URL: registry.url, LOG_LEVEL: 'info' }),
    ),
  );
  for (const gateway of gatewayProcesses) {
    opened.push(gateway.stop);
    await eventually(async () => (await fetch(`${gateway.url}/at-once`)).ok);
  }
  return { registry, lease, held, urls: gatewayProcesses.map((gateway) => gateway.url) };
}

/** The value of a promise, once it has resolved. */
function track<Value>(promise: Promise<Value>) {
  const state: { value: Value | undefined } = { value: undefined };
  void promise.then((value) => {
    state.value = value;
  });
  return state;
}

test('a deregistration completes when every gateway has stopped routing to the instance and its requests have ended', async () => {
  const { lease, held, urls } = await startSystem(2);
  const responses = urls.map((url) => fetch(`${url}/held`));
  await eventually(() => held.length === 2);
  const removal = track(lease.deregister(20_000));
  // The only instance is draining: it receives no new requests.
  for (const url of urls) await eventually(async () => (await fetch(`${url}/at-once`)).status === 503);
  held[0]?.(new Response('first'));
  expect((await Promise.race(responses)).status).toBe(200);
  expect(removal.value).toBeUndefined();
  held[1]?.(new Response('second'));
  await eventually(() => removal.value !== undefined);
  expect(removal.value).toBe(true);
  expect((await Promise.all(responses)).map((response) => response.status)).toEqual([200, 200]);
});

test('event streams and WebSockets do not delay a deregistration', async () => {
  const { lease, urls } = await startSystem();
  const [url = ''] = urls;
  const events = await fetch(`${url}/events`);
  const reader = events.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: first\n\n');
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
  const echoed = Promise.withResolvers<unknown>();
  socket.onmessage = ({ data }) => echoed.resolve(data);
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  expect(await lease.deregister(20_000)).toBe(true);
  // They stay open until the service closes them.
  socket.send('still there');
  expect(await echoed.promise).toBe('still there');
  socket.close();
  await reader?.cancel();
});

test('instances are replaced under load without losing a request', async () => {
  const registry = await startRegistry();
  opened.push(registry.close);
  const environment = { REGISTRY_URL: registry.url, SERVICE: 'rolled', AMQP_URL: 'amqp://127.0.0.1:1' };
  const start = async () => startProcess('tests/support/named-service.ts', environment);
  let instances: StartedProcess[] = await Promise.all([start(), start()]);
  opened.push(() => Promise.all(instances.map((instance) => instance.stop())));
  const gateway = await startProcess('gateway/main.ts', environment);
  opened.push(gateway.stop);
  await eventually(async () => (await fetch(`${gateway.url}/rolled/1`)).ok);

  const statuses = new Map<number, number>();
  let isActive = true;
  const sendRequests = async (path: string) => {
    while (isActive) {
      const { status } = await fetch(`${gateway.url}${path}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const requests = Promise.all(
    [1, 2, 3, 4].flatMap((id) => [sendRequests(`/rolled/${id}`), sendRequests(`/rolled/${id}/slowly`)]),
  );
  const replacements: StartedProcess[] = [];
  for (const old of instances) {
    replacements.push(await start());
    await old.stop();
    expect(old.output().includes('left before every gateway')).toBe(false);
  }
  instances = replacements;
  isActive = false;
  await requests;
  expect([...statuses.keys()]).toEqual([200]);
});
