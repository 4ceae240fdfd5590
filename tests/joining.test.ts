import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { eventually } from './support/eventually';
import { type StartedProcess, startProcess } from './support/processes';
import { freePort, spawnRegistry } from './support/registry';
import { testDatabase } from './support/servers';

/** The guide's own words: its code blocks are what runs here. */
const guide = await Bun.file(join(import.meta.dir, '..', 'docs', 'joining.md')).text();
const blockOf = (language: string) => guide.split(`\`\`\`${language}\n`)[1]?.split('```\n')[0] ?? '';

const TOKENS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: 'a-secret-for-tests-of-joining-services',
  JWT_ISSUER: 'http://issuer.test',
  JWT_AUDIENCE: 'rookery',
};

let folder: string;
let database: Awaited<ReturnType<typeof testDatabase>>;
let auth: StartedProcess;
let registry: Awaited<ReturnType<typeof spawnRegistry>>;
let gateway: StartedProcess;
const services: Bun.Subprocess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'joining-'));
  registry = await spawnRegistry(freePort());
  database = await testDatabase();
  const environment = { ...TOKENS, REGISTRY_URL: registry.url, AUTH_DATABASE_URL: database.url };
  // Tokens are accepted once auth has listed the revoked ones.
  [gateway, auth] = await Promise.all([
    startProcess('gateway/main.ts', environment),
    // At an IPv6 address: the gateway and auth's own gRPC port are then tried with one as well.
    startProcess('services/auth/main.ts', { ...environment, HOST: '::1' }),
  ]);
}, 60_000);

afterAll(async () => {
  for (const service of services) service.kill('SIGKILL');
  await Promise.all([gateway?.stop(), auth?.stop()]);
  await registry?.kill();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

async function runBlock(language: string, file: string, command: string) {
  const path = join(folder, file);
  await Bun.write(path, blockOf(language));
  const service = Bun.spawn([command, path], {
    env: { PATH: process.env.PATH, REGISTRY_URL: registry.url, PORT: String(freePort()) },
    stdout: 'ignore',
    stderr: 'ignore',
  });
  services.push(service);
  return service;
}

const get = (path: string, token?: string) =>
  fetch(gateway.url + path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

test('the Python service of the guide joins with name, host and port, and answers everything below its name', async () => {
  const service = await runBlock('python', 'service.py', 'python3');
  await eventually(async () => expect((await get('/hello-python/')).status).toBe(200));
  expect(await (await get('/hello-python/any/path?query')).text()).toBe('Hello from Python: /any/path');
  expect(await (await get('/v1/hello-python/x')).text()).toBe('Hello from Python: /x');
  service.kill('SIGTERM');
  expect(await service.exited).toBe(0);
  await eventually(async () => expect((await get('/hello-python/')).status).toBe(503));
}, 60_000);

test('the Node service of the guide answers what its document lists, and the gateway enforces its access rules', async () => {
  await runBlock('js', 'service.mjs', Bun.which('node') ?? process.execPath);
  await eventually(async () => expect((await get('/hello-node/greetings/world')).status).toBe(200));
  expect(await (await get('/hello-node/greetings/world')).text()).toBe('Hello from Node: /greetings/world');
  // Unknown paths are unavailable until a new registry is settled.
  await eventually(async () => expect((await get('/hello-node/unlisted')).status).toBe(404));
  expect((await get('/hello-node/secret')).status).toBe(401);
  expect((await get('/hello-node/secret', 'forged')).status).toBe(401);
  const admitted = await eventually(async () => {
    const response = await get('/hello-node/secret', await accessToken());
    expect(response.status).toBe(200);
    return response;
  });
  expect([admitted.status, await admitted.text()]).toEqual([200, 'Hello from Node: /secret']);
}, 60_000);

test('an instance at an IPv6 address is reached through the gateway', async () => {
  await eventually(async () => expect((await get('/.well-known/jwks.json')).status).toBe(200));
});

const accessToken = () =>
  new SignJWT({ username: 'alice', sid: 'session', roles: [], permissions: [] })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject('1')
    .setJti('token')
    .setIssuer(TOKENS.JWT_ISSUER)
    .setAudience(TOKENS.JWT_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(TOKENS.JWT_SECRET));
