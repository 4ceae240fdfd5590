import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { Registered, ServicesSnapshot, UnverifiedInstance } from '#contracts/registry';
import { proofOf } from '#kit/registry/address-proof';
import { eventually } from '../../tests/support/eventually';
import { type StartedProcess, startProcess } from '../../tests/support/processes';
import { freePort, spawnRegistry } from '../../tests/support/registry';
import { serverVariable } from '../../tests/support/servers';
import { callAt } from '../test-calls';

// Real processes are started, killed and replaced.
setDefaultTimeout(60_000);

let registry: Awaited<ReturnType<typeof spawnRegistry>>;
const running: StartedProcess[] = [];

beforeAll(async () => {
  registry = await spawnRegistry(freePort());
});
afterAll(async () => {
  await Promise.all(running.map((one) => one.kill()));
  await registry?.kill();
});

async function startService(name: string, port: number, host = '127.0.0.1') {
  const environment = { SERVICE: name, REGISTRY_URL: registry.url, PORT: String(port), HOST: host };
  const started = await startProcess('tests/support/named-service.ts', environment);
  running.push(started);
  return started;
}

type Listing = ServicesSnapshot & { readonly unverified: readonly UnverifiedInstance[] };
const listing = async () => (await (await fetch(`${registry.url}/services`)).json()) as Listing;
const instancesOf = async (name: string) => (await listing()).services[name] ?? [];
const reasonOf = async (name: string) =>
  (await listing()).unverified.find((one) => one.name === name)?.reason;

const register = (name: string, more: object) =>
  callAt(registry.url, '/register', 'POST', undefined, { name, host: '127.0.0.1', ...more });

/** A server at a free port, and how often it was called. */
function serve(answer: (url: URL) => Response) {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => answer(new URL(request.url)),
  });
  return { port: server.port ?? 0, stop: () => server.stop(true) };
}

test('a service that takes the address of a killed one ends its lease at once', async () => {
  const port = freePort();
  const dead = await startService('dead', port);
  await eventually(async () => expect(await instancesOf('dead')).toHaveLength(1));
  await dead.kill();
  await startService('heir', port);
  await eventually(async () => expect(await instancesOf('heir')).toHaveLength(1));
  expect(await instancesOf('dead')).toEqual([]);
});

test('a service that crashes in a loop continues one lease, and switches no protection on', async () => {
  const port = freePort();
  const ids = new Set<string>();
  for (let crash = 0; crash < 2; crash++) {
    const crashing = await startService('loop', port);
    await eventually(() => crashing.output().includes('"registered"'));
    const instances = await eventually(async () => {
      const found = await instancesOf('loop');
      expect(found).toHaveLength(1);
      return found;
    });
    for (const { instance_id } of instances) ids.add(instance_id);
    await crashing.kill();
  }
  expect(ids.size).toBe(1);
  expect(await (await fetch(`${registry.url}/status`)).json()).toMatchObject({ protection: { on: false } });
});

test('an instance at an IPv6 address is verified, listed and discovered', async () => {
  const service = await startService('six', freePort(), '::1');
  expect(service.url).toStartWith('http://[::1]:');
  await eventually(async () =>
    expect(await instancesOf('six')).toMatchObject([{ host: '::1', state: 'up' }]),
  );
  const targets = await (await fetch(`${registry.url}/sd/prometheus`)).text();
  expect(targets).toContain(`"[::1]:${new URL(service.url).port}"`);
});

test('the port of a broker, a closed port and a server of something else are not routed and say why', async () => {
  const other = serve(() => new Response('I am something else'));
  const missing = serve(() => new Response(null, { status: 404 }));
  await register('queue', { port: Number(serverVariable('BEANSTALKD_PORT')) });
  await register('nobody', { port: freePort() });
  await register('other', { port: other.port });
  await register('missing', { port: missing.port });
  const reasons = {
    queue: /does not speak HTTP/,
    nobody: /Nothing listens/,
    other: /with something else\. Answer GET/,
    missing: /with status 404\. Answer GET/,
  };
  await eventually(async () => {
    for (const [name, reason] of Object.entries(reasons)) expect(await reasonOf(name)).toMatch(reason);
  });
  for (const name of Object.keys(reasons)) expect(await instancesOf(name)).toEqual([]);
  const { unverified } = (await (await fetch(`${registry.url}/status`)).json()) as Listing;
  const listed = unverified.map((one) => one.name);
  expect(Object.keys(reasons).filter((name) => !listed.includes(name))).toEqual([]);
  await Promise.all([other.stop(), missing.stop()]);
});

test('an instance whose gRPC port is that of another process is not routed', async () => {
  const port = freePort();
  let lease: Registered | undefined;
  const server = Bun.serve({
    port,
    hostname: '127.0.0.1',
    fetch: (request) =>
      new Response(proofOf(lease?.proof_key ?? '', new URL(request.url).searchParams.get('challenge') ?? '')),
  });
  const foreign = serve(() => new Response('HTTP/1.1 only'));
  const response = await register('caller', { port, grpc_port: foreign.port });
  lease = (await response.json()) as Registered;
  await eventually(async () => expect(await reasonOf('caller')).toMatch(/gRPC port/));
  expect(await instancesOf('caller')).toEqual([]);
  await Promise.all([server.stop(true), foreign.stop()]);
});

test('a service that answers a health check is routed on request, where no proof is required', async () => {
  const healthy = serve((url) => new Response(null, { status: url.pathname === '/health' ? 204 : 500 }));
  await register('checked', { port: healthy.port, verify: 'http', health_path: '/health' });
  await register('ailing', { port: healthy.port, verify: 'http', health_path: '/ready' });
  await eventually(async () => expect(await instancesOf('checked')).toMatchObject([{ verified_by: 'http' }]));
  await eventually(async () => expect(await reasonOf('ailing')).toMatch(/status 500 instead of 2xx/));
  await healthy.stop();
});

test('a request with a foreign Host is refused: a page cannot reach the registry by DNS rebinding', async () => {
  const headers = { host: 'evil.example' };
  const response = await fetch(`${registry.url}/services`, { headers });
  expect([response.status, response.headers.get('content-type')]).toEqual([421, 'application/problem+json']);
});
