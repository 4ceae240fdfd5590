import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import type { RowDataPacket } from 'mysql2/promise';
import sharp from 'sharp';
import { createMysqlPool } from '#kit/mysql/database';
import { programsOf } from '../scripts/build/programs';
import { type Client, join as register, request } from './support/client';
import { eventually } from './support/eventually';
import { throttleRedisUrl } from './support/identity';
import { type StartedProcess, startProcess } from './support/processes';
import { mysqlAddress, testDatabase, uniqueName } from './support/servers';

/** The executable of `make build`, started in an empty folder with nothing of the source tree beside it. */
const ROOT = join(import.meta.dir, '..');
const START_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'rookery-executable-'));
const work = join(folder, 'work');
const executable = join(folder, 'bin', 'rookery');
const PROCESSES = ['users', 'auth', 'timelines', 'likes', 'media', 'posts', 'fanout', 'media-worker'];
const OWNERS = ['USERS', 'TIMELINES', 'AUTH', 'MEDIA'];

const running: StartedProcess[] = [];
const databases: Awaited<ReturnType<typeof testDatabase>>[] = [];
const environment: Record<string, string> = {
  MEDIA_STORAGE: join(folder, 'storage'),
  TMPDIR: join(folder, 'unpacked'),
  SIGN_INS_PER_ADDRESS: '1000',
};
let gateway: StartedProcess;
let author: Client;

async function start(name: string, own: Record<string, string> = {}): Promise<StartedProcess> {
  const command = { command: [executable, name], folder: work };
  const started = await startProcess(name, { ...environment, ...own }, command);
  running.push(started);
  return started;
}

/** Runs a program to its end. */
async function run(argument: string, own: Record<string, string> = {}) {
  const child = Bun.spawn([executable, argument], {
    cwd: work,
    env: { ...process.env, ...environment, ...own },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { output, errors, exitCode: await child.exited };
}

beforeAll(async () => {
  for (const each of [work, join(folder, 'unpacked')]) mkdirSync(each);
  const build = Bun.spawnSync([process.execPath, 'scripts/build-executable.ts', executable], { cwd: ROOT });
  expect([build.exitCode, build.stderr.toString()]).toEqual([0, '']);
  for (const owner of OWNERS) {
    const database = await testDatabase();
    databases.push(database);
    environment[`${owner}_DATABASE_URL`] = database.url;
  }
  environment.REDIS_URL = throttleRedisUrl();
  environment.REGISTRY_URL = (await start('registry')).url;
  gateway = await start('gateway', { GATEWAY_WORKERS: '2' });
  await Promise.all(PROCESSES.map((name) => start(name)));
  author = await eventually(() => register(gateway.url, uniqueName('single').replace('-', '_')), START_MS);
}, START_MS);

afterAll(async () => {
  await Promise.all(running.toReversed().map((process) => process.stop()));
  await Promise.all(databases.map(({ drop }) => drop()));
  rmSync(folder, { recursive: true, force: true });
}, START_MS);

test('it lists every process of the Procfile, and rejects other names', async () => {
  const programs = programsOf(await Bun.file(join(ROOT, 'Procfile')).text());
  const help = await run('--help');
  expect([help.exitCode, help.errors]).toEqual([0, '']);
  const listed = [...help.output.matchAll(/^ {2}(\S+)/gm)].map(([, name = '']) => name);
  expect(listed).toEqual(programs.map(({ name }) => name));
  expect(await run('nobody')).toMatchObject({ exitCode: 64, output: '' });
  const { version } = await Bun.file(join(ROOT, 'package.json')).json();
  expect((await run('--version')).output).toBe(`${version}\n`);
});

test('it migrates the database of every service', async () => {
  const schema = uniqueName('migrated').replace('-', '_');
  const services = readdirSync(join(ROOT, 'services'));
  const names = Object.fromEntries(
    services.map((service) => [`${service.toUpperCase()}_DB_NAME`, `${schema}_${service}`]),
  );
  const urls = Object.fromEntries(OWNERS.map((owner) => [`${owner}_DATABASE_URL`, '']));
  const server = createMysqlPool({ ...mysqlAddress(), database: '' }, 1);
  const named = async () =>
    (await server.query<RowDataPacket[]>(`show databases like '${schema}%'`))[0].flatMap((row) =>
      Object.values(row),
    );
  const migrated = await run('migrate', { ...urls, ...names });
  const created = await named();
  for (const name of created) await server.query(`drop database ${name}`);
  await server.end();
  expect(migrated).toMatchObject({ exitCode: 0, errors: '' });
  expect(migrated.output).toContain(`${created.length} databases are up to date`);
  const owners = services.filter((service) =>
    readdirSync(join(ROOT, 'services', service)).includes('migrations'),
  );
  expect(created.sort()).toEqual(owners.map((owner) => `${schema}_${owner}`).sort());
});

test('a post reaches the home timeline of a follower', async () => {
  const follower = await register(gateway.url, uniqueName('follower').replace('-', '_'));
  expect((await follower.post(`/users/follow/${author.username}`)).status).toBe(204);
  const posted = await author.post('/posts/async', { text: 'From one file' });
  expect(posted.status).toBe(202);
  await eventually(async () => {
    const { body } = await follower.get(`/posts/home/${follower.username}`);
    expect((body.items as { id: string }[]).map(({ id }) => id)).toContain(String(posted.body.id));
  });
  expect((await follower.post(`/likes/${posted.body.id}`)).status).toBeLessThan(300);
});

test('an uploaded picture is rendered', async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 20 } as const;
  const picture = await sharp({ create: { width: 600, height: 400, channels: 3, background: '#888', noise } })
    .jpeg()
    .toBuffer();
  const form = new FormData();
  form.append('file_tags', 'holidays');
  form.append('file', new File([picture], 'me.jpg', { type: 'image/jpeg' }));
  const headers = { authorization: `Bearer ${author.token}` };
  const uploaded = await fetch(`${gateway.url}/files/upload`, { method: 'POST', headers, body: form });
  const { id } = await uploaded.json();
  expect(uploaded.status).toBe(201);
  await eventually(async () => {
    const { body } = await author.get(`/files/${id}`);
    expect(JSON.stringify(body)).toContain('thumb');
  });
});

test('the documentation and its assets are served', async () => {
  for (const path of [
    '/docs',
    '/docs/assets/swagger-ui-bundle.js',
    '/docs/assets/swagger-ui.css',
    '/openapi.json',
  ])
    expect([path, (await fetch(`${gateway.url}${path}`)).status]).toEqual([path, 200]);
});

test('gRPC reflection describes the services, and the gateway transcodes to them', async () => {
  const { services } = (await (await fetch(`${environment.REGISTRY_URL}/services`)).json()) as {
    services: Record<string, { grpc_port?: number }[]>;
  };
  const client = new GrpcClient(`127.0.0.1:${services.users?.[0]?.grpc_port}`, credentials.createInsecure());
  const unchanged = (bytes: Buffer) => bytes;
  const call = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    unchanged,
    unchanged,
    new Metadata(),
  );
  const listed = await new Promise<string>((resolve, reject) => {
    call.on('data', (response: Buffer) => resolve(response.toString('latin1')));
    call.on('error', reject);
    // ServerReflectionRequest: `string list_services = 7`.
    call.write(Buffer.from([0x3a, 0x00]));
  });
  call.end();
  client.close();
  expect(listed).toContain('users.v1.UsersService');
  expect((await request(gateway.url, 'GET', `/users/${author.username}`)).status).toBe(200);
});
