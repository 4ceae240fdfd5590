import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { type Stack, startStack } from '../../infra/stack';
import { request } from '../support/client';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';

const FOLDER = join(import.meta.dir, '..', '..', '.data', 'accepted-posts');
/** Servers of its own, as they are killed. */
const PORT_OFFSET = 5_000;
const START_MS = 90_000;
const JWT_SECRET = 'a-secret-of-this-test-only-0123456789';
const POSTS = 120;

let stack: Stack;
let shared: Record<string, string>;
const running = new Map<string, StartedProcess>();
const statuses = new Set<number>();

async function start(name: string, main: string): Promise<void> {
  running.set(name, await startProcess(main, { ...shared, PORT: '0' }));
}

async function killAndStart(name: string, main: string): Promise<void> {
  await running.get(name)?.kill();
  await start(name, main);
}

async function killServer(name: string): Promise<void> {
  await stack.server(name).kill();
  await stack.server(name).restart();
}

const TIMELINES = 'services/timelines/main.ts';
const POSTS_WORKER = 'workers/posts/main.ts';

beforeAll(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  stack = await startStack({
    folder: FOLDER,
    profile: 'test',
    portOffset: PORT_OFFSET,
    only: ['mariadb', 'redis', 'beanstalkd', 'rabbitmq'],
    source: {},
  });
  shared = { ...stack.environment, JWT_ALG: 'HS256', JWT_SECRET };
  await start('registry', 'registry/main.ts');
  shared.REGISTRY_URL = String(running.get('registry')?.url);
  // Timelines accepts tokens only after it has read the revoked ones from auth.
  await Promise.all([
    start('auth', 'services/auth/main.ts'),
    start('timelines', TIMELINES),
    start('posts', POSTS_WORKER),
  ]);
}, START_MS);

afterAll(async () => {
  await Promise.all([...running.values()].map((each) => each.stop()));
  await stack?.stop();
  await rm(FOLDER, { recursive: true, force: true });
}, START_MS);

test('accepted posts are created exactly once while processes and servers are killed', async () => {
  const author = { id: uuidv7(), username: 'persistent' };
  const token = await accessToken(author);
  const failures = [
    () => killAndStart('posts', POSTS_WORKER),
    () => killServer('beanstalkd'),
    () => killAndStart('timelines', TIMELINES),
    () => killServer('mariadb'),
    () => killAndStart('posts', POSTS_WORKER),
  ];
  const pending: Promise<void>[] = [];
  const ids: string[] = [];
  for (let number = 0; number < POSTS; number++) {
    // Each failure hits while accepted posts are in flight.
    if (number % 20 === 10) pending.push(failures[(number - 10) / 20]?.() ?? Promise.resolve());
    ids.push(await accept(token, number));
  }
  await Promise.all(pending);
  // 503: unavailable, 409: the key is in flight.
  expect([...statuses].filter((status) => ![202, 409, 503].includes(status))).toEqual([]);
  expect(new Set(ids).size).toBe(POSTS);
  await eventually(
    async () => expect((await readAll(author.username)).map((post) => post.id)).toEqual(ids),
    60_000,
  );
  const texts = (await readAll(author.username)).map((post) => post.text);
  expect(texts).toEqual(Array.from({ length: POSTS }, (_, number) => `post ${number}`));
}, 180_000);

/** Retries with the same Idempotency-Key until the post is accepted. */
function accept(token: string, number: number): Promise<string> {
  return eventually(async () => {
    const base = String(running.get('timelines')?.url);
    const { status, body } = await request(base, 'POST', '/posts/async', {
      token,
      body: { text: `post ${number}` },
      headers: { 'idempotency-key': `post-${number}` },
    });
    statuses.add(status);
    expect(status).toBe(202);
    return String(body.id);
  });
}

/** Oldest first. */
async function readAll(username: string): Promise<{ id: string; text: string }[]> {
  const posts: { id: string; text: string }[] = [];
  for (let cursor = ''; ; ) {
    const base = String(running.get('timelines')?.url);
    const { body } = await request(base, 'GET', `/posts/${username}?limit=100${cursor}`);
    posts.push(...(body.items as typeof posts));
    if (body.next_cursor === null) return posts.reverse();
    cursor = `&cursor=${body.next_cursor}`;
  }
}

const accessToken = (person: { id: string; username: string }) =>
  new SignJWT({ username: person.username, sid: uuidv7(), roles: ['user'], permissions: [] })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(person.id)
    .setJti(uuidv7())
    .setIssuer('http://127.0.0.1:8080')
    .setAudience('rookery')
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(JWT_SECRET));
