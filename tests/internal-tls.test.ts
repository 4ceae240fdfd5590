import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { resolve } from 'node:path';
import { type ChannelCredentials, Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Instance, Registered } from '#contracts/registry';
import { authorityOf } from '#kit/core/address';
import { fetchTls, type InternalTls, tlsNameOf } from '#kit/core/internal-tls';
import { proofOf } from '#kit/registry/address-proof';
import { createAuthority, type IssuedCertificate, type TestAuthority } from './support/certificate';
import { join } from './support/client';
import { listenTo } from './support/event-stream';
import { eventually } from './support/eventually';
import { type StartedProcess, startProcess } from './support/processes';
import { type System, startSystem } from './support/system';

setDefaultTimeout(240_000);

const PROJECT = resolve(import.meta.dir, '..');
const PROCESSES = ['registry', 'gateway', 'auth', 'users', 'timelines', 'posts'];

let authority: TestAuthority;
let stranger: TestAuthority;
let ours: IssuedCertificate;
let theirs: IssuedCertificate;
let system: System;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  ours = await authority.issue('*.rookery.internal');
  theirs = await stranger.issue('*.rookery.internal');
  system = await startSystem('internal-tls', ours.environment, PROCESSES);
});
afterAll(async () => {
  await system?.stop();
  authority.remove();
  stranger.remove();
});

/** Calls a process as another one would. */
const call = (url: string, path: string, name: string, tls = ours.tls) =>
  fetch(new URL(path, url), fetchTls(tls, name));

test('people register, sign in, post and follow a stream, each request over TLS behind the gateway', async () => {
  const alice = await join(system.url, 'alice');
  const listener = await listenTo(`${system.url}/posts/stream`);
  expect(listener.status).toBe(200);
  expect((await alice.post('/posts', { text: 'over TLS' })).status).toBeLessThan(300);
  await eventually(() => listener.received.some(({ data }) => JSON.stringify(data).includes('over TLS')));
  listener.close();
});

test('every instance says that it serves TLS, and Prometheus scrapes it so', async () => {
  const registry = system.process('registry').url;
  expect(registry).toStartWith('https://');
  const listing = await (await call(registry, '/services', 'registry')).json();
  const instances = Object.values(listing.services as Record<string, Instance[]>).flat();
  expect(instances.map(({ name, tls }) => [name, tls]).sort()).toEqual([
    ['auth', true],
    ['timelines', true],
    ['users', true],
  ]);
  const targets: { labels: Record<string, string> }[] = await (
    await call(registry, '/sd/prometheus', 'registry')
  ).json();
  expect(targets.map(({ labels }) => labels.__scheme__)).toEqual(['https', 'https', 'https']);
});

test('no listener behind the gateway answers in plain text, or with another certificate', async () => {
  for (const name of PROCESSES.filter((one) => one !== 'gateway')) {
    const { url } = system.process(name);
    const metrics = await (await call(url, '/metrics', name)).text();
    const [, expires] = /^internal_tls_expires_timestamp_seconds (\S+)$/m.exec(metrics) ?? [];
    expect(Number(expires) * 1_000).toBeGreaterThan(Date.now());
    await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
    await expect(call(url, '/health', name, theirs.tls)).rejects.toThrow();
  }
});

test('gRPC is served to clients with a certificate of the authority only', async () => {
  const address = await grpcAddress('users');
  const attempt = (made: ChannelCredentials) => statusOf(address, made);
  expect(await attempt(secure(ours.tls))).toBe(status.OK);
  const withoutOne = credentials.createSsl(Buffer.from(ours.tls.ca));
  const others = [credentials.createInsecure(), withoutOne, secure({ ...theirs.tls, ca: ours.tls.ca })];
  for (const other of others) expect(await attempt(other)).toBe(status.UNAVAILABLE);
});

test('an instance with a certificate of another authority is not routed, and told why', async () => {
  const REGISTRY_URL = system.process('registry').url;
  // It trusts the authority, so that it can register.
  const environment = { ...theirs.environment, INTERNAL_TLS_CA: authority.caPath, REGISTRY_URL };
  let impostor: StartedProcess | undefined;
  try {
    impostor = await startProcess('tests/support/named-service.ts', { ...environment, SERVICE: 'impostor' });
    await eventually(async () => {
      const response = await call(REGISTRY_URL, '/services/impostor', 'registry');
      expect(await response.json()).toMatchObject({
        instances: [],
        unverified: [{ reason: expect.stringContaining('impostor.rookery.internal') }],
      });
    });
  } finally {
    await impostor?.kill();
  }
});

test('a service from elsewhere may serve plain text beside them', async () => {
  let proofKey = '';
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const challenge = new URL(request.url).searchParams.get('challenge');
      return new Response(challenge === null ? 'in plain text' : proofOf(proofKey, challenge));
    },
  });
  try {
    const registered = await fetch(new URL('/register', system.process('registry').url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'elsewhere', host: '127.0.0.1', port: server.port }),
      ...fetchTls(ours.tls, 'registry'),
    });
    proofKey = ((await registered.json()) as Registered).proof_key;
    await eventually(async () =>
      expect(await (await fetch(`${system.url}/elsewhere/x`)).text()).toBe('in plain text'),
    );
  } finally {
    await server.stop(true);
  }
});

test('half of the settings is a configuration error', async () => {
  const { INTERNAL_TLS_CERT } = ours.environment;
  const child = Bun.spawn([process.execPath, 'registry/main.ts'], {
    cwd: PROJECT,
    env: { ...process.env, PORT: '0', INTERNAL_TLS_CERT },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const errors = await new Response(child.stderr).text();
  expect([await child.exited, errors]).toEqual([78, expect.stringContaining('must be set together')]);
});

async function grpcAddress(name: string): Promise<string> {
  const response = await call(system.process('registry').url, `/services/${name}`, 'registry');
  const { instances }: { instances: Instance[] } = await response.json();
  return authorityOf(instances[0]?.host ?? '', instances[0]?.grpc_port ?? 0);
}

const secure = ({ ca, key, cert }: InternalTls) =>
  credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));

/** The status of a health check, which needs no token (grpc.health.v1). */
async function statusOf(address: string, made: ChannelCredentials): Promise<status> {
  const client = new Client(address, made, { 'grpc.ssl_target_name_override': tlsNameOf('users') });
  const same = (bytes: Buffer) => bytes;
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.alloc(0), (failure) =>
        resolve(failure === null ? status.OK : (failure as ServiceError).code),
      );
    });
  } finally {
    client.close();
  }
}
