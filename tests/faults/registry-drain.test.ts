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

/** A registry, gateways that watch it, and a service whose answers the test holds back. */
async function house(gateways = 1) {
  const registry = await startRegistry();
  opened.push(registry.close);
  const held: ((response: Response) => void)[] = [];
  const service = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === '/held') return new Promise<Response>((answer) => void held.push(answer));
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
      routes: ['/held', '/events', '/socket', '/at-once'].map(route),
      prefixes: ['held'],
    },
  });
  await lease.registered;
  const doors = await Promise.all(
    Array.from({ length: gateways }, () =>
      startProcess('gateway/main.ts', { REGISTRY_URL: registry.url, LOG_LEVEL: 'info' }),
    ),
  );
  for (const door of doors) {
    opened.push(door.stop);
    await eventually(async () => (await fetch(`${door.url}/at-once`)).ok);
  }
  return { registry, lease, held, urls: doors.map((door) => door.url) };
}

/** What became of a promise so far. */
function seen<Value>(promise: Promise<Value>) {
  const state: { value: Value | undefined } = { value: undefined };
  void promise.then((value) => {
    state.value = value;
  });
  return state;
}

test('an instance has left when every gateway has taken it out and its requests through each have ended', async () => {
  const { lease, held, urls } = await house(2);
  const answers = urls.map((url) => fetch(`${url}/held`));
  await eventually(() => held.length === 2);
  const left = seen(lease.deregister(20_000));
  // The last instance drains: nothing new reaches it.
  for (const url of urls) await eventually(async () => (await fetch(`${url}/at-once`)).status === 503);
  held[0]?.(new Response('first'));
  expect((await Promise.race(answers)).status).toBe(200);
  expect(left.value).toBeUndefined();
  held[1]?.(new Response('second'));
  await eventually(() => left.value !== undefined);
  expect(left.value).toBe(true);
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200]);
});

test('streams and WebSockets, which have no end of their own, hold up no leaving', async () => {
  const { lease, urls } = await house();
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
  // They go on until the service ends them.
  socket.send('still there');
  expect(await echoed.promise).toBe('still there');
  socket.close();
  await reader?.cancel();
});

test('instances of a service are replaced under load, and not one request is lost', async () => {
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
  let asking = true;
  const ask = async (path: string) => {
    while (asking) {
      const { status } = await fetch(`${gateway.url}${path}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const asked = Promise.all(
    [1, 2, 3, 4].flatMap((id) => [ask(`/rolled/${id}`), ask(`/rolled/${id}/slowly`)]),
  );
  const fresh: StartedProcess[] = [];
  for (const old of instances) {
    fresh.push(await start());
    await old.stop();
    expect(old.output().includes('left before every gateway')).toBe(false);
  }
  instances = fresh;
  asking = false;
  await asked;
  expect([...statuses.keys()]).toEqual([200]);
});
