import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { join as register } from '../support/client';
import { eventually } from '../support/eventually';
import { type System, startSystem } from '../support/system';

/**
 * Services are replaced while wrk sends requests to all of them: another instance is started, and once the gateway has
 * discovered it the old one is stopped. `LOAD_SECONDS=60 SERVICES=all` replaces all; the default is a selection that
 * covers HTTP, gRPC, an outbox and WebSockets.
 */
const LOAD_SECONDS = Number(process.env.LOAD_SECONDS ?? 5);
const SYSTEM_MS = 240_000;
const TEST_MS = 300_000;
const CONNECTIONS = 32;

const ALL = [
  'users',
  'timelines',
  'auth',
  'likes',
  'polls',
  'media',
  'accounts',
  'payments',
  'billing',
  'mail',
  'notifications',
  'video',
  'playlists',
  'resumes',
  'chat',
];
const replaced = process.env.SERVICES === 'all' ? ALL : ['users', 'timelines', 'auth', 'chat'];

let system: System;
let token: string;

beforeAll(async () => {
  // Its own: instances that other tests have killed stay registered for half a minute, and would refuse requests.
  system = await startSystem('rolling', {}, ['registry', 'gateway', ...ALL]);
  token = (await register(system.url, 'walker')).token;
  await eventually(() => assertReachable(ALL));
}, SYSTEM_MS);
afterAll(() => system?.stop(), SYSTEM_MS);

async function assertReachable(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const response = await fetch(`${system.url}/${name}/health`);
    expect([name, response.status]).toEqual([name, 200]);
  }
}

/** Reads and a write at the root, over HTTP and gRPC, and every service below its prefix. */
const REQUESTS = [
  'GET /posts',
  'GET /users/walker',
  'GET /users/me',
  'GET /posts/home/walker',
  'GET /.well-known/jwks.json',
  'GET /files',
  'POST /posts',
  ...ALL.map((name) => `GET /${name}/health`),
];

function startLoad() {
  const script = join(import.meta.dir, '..', 'support', 'rolling-load.lua');
  const load = ['-t1', `-c${CONNECTIONS}`, '-d600s', '--timeout', '60s', '-s', script];
  const wrk = Bun.spawn(['wrk', ...load, system.url, '--', token, ...REQUESTS], {
    stdout: 'pipe',
    stderr: 'pipe',
  });
  return async (): Promise<Record<string, string>> => {
    // wrk stops at SIGINT and prints its summary.
    wrk.kill('SIGINT');
    const [output, errors] = await Promise.all([
      new Response(wrk.stdout).text(),
      new Response(wrk.stderr).text(),
    ]);
    const [, summary] = /^(answered=.*)$/ms.exec(output) ?? [];
    if (summary === undefined) throw new Error(`wrk printed no summary: ${output}${errors}`);
    console.log(summary);
    return Object.fromEntries(
      summary.split(/\s+/).flatMap((pair) => (pair.includes('=') ? [pair.split('=')] : [])),
    );
  };
}

test(
  'a rolling restart under load loses no request',
  async () => {
    const startedMs = performance.now();
    const endLoad = startLoad();
    for (const name of replaced) await system.replace(name);
    const restMs = LOAD_SECONDS * 1_000 - (performance.now() - startedMs);
    if (restMs > 0) await Bun.sleep(restMs);
    const { answered, p99, ...failures } = await endLoad();
    expect(failures).toEqual({ refused: '0', connect: '0', read: '0', write: '0', timeout: '0' });
    expect(Number(answered)).toBeGreaterThan(replaced.length * 100);
  },
  TEST_MS,
);
