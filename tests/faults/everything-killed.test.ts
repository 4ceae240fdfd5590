import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Client, join, type Reply, signIn } from '../support/client';
import { eventually } from '../support/eventually';
import { type System, startSystem } from '../support/system';

const SYSTEM_MS = 90_000;
const TEST_MS = 240_000;
const RECOVERY_MS = 60_000;
const ROUND_MS = 1_500;

const PROCESSES = [
  'timelines',
  'posts',
  'fanout',
  'users',
  'auth',
  'likes',
  'likes-validation',
  'polls',
  'registry',
  'gateway',
];
const SERVERS = ['beanstalkd', 'redis', 'mariadb', 'rabbitmq'];

let system: System;
let author: Client;
let reader: Client;

/** Acknowledged posts: text and assigned id. */
const acknowledged = new Map<string, string>();
let posting = true;

beforeAll(async () => {
  system = await startSystem('faults');
  [author, reader] = await Promise.all([join(system.url, 'author'), join(system.url, 'reader')]);
  await reader.post('/users/follow/author');
  // Reading the home timeline creates the feed that posts are delivered to.
  await reader.get('/posts/home/reader');
}, SYSTEM_MS);

afterAll(() => system?.stop(), SYSTEM_MS);

/** Retries one post until it is acknowledged, with one Idempotency-Key for all attempts. */
async function postUntilAcknowledged(path: '/posts' | '/posts/async', text: string): Promise<void> {
  while (posting) {
    const reply = await author
      .post(path, { text }, { 'idempotency-key': text.replaceAll(' ', '-') })
      .catch((): Reply => ({ status: 0, headers: new Headers(), body: {} }));
    if (reply.status === 201 || reply.status === 202) {
      acknowledged.set(text, String(reply.body.id));
      return;
    }
    // In flight, unavailable or disconnected: retried. Anything else is an error of the system.
    if (![0, 409, 500, 502, 503, 504].includes(reply.status))
      throw new Error(`${path}: ${JSON.stringify(reply.body)}`);
    await Bun.sleep(50);
  }
}

async function postContinuously(path: '/posts' | '/posts/async', name: string): Promise<void> {
  for (let number = 0; posting; number++) await postUntilAcknowledged(path, `${name} ${number}`);
}

/** All pages of a list, newest first. */
async function readList(client: Client, path: string): Promise<{ id: string; text: string }[]> {
  const items: { id: string; text: string }[] = [];
  let cursor: unknown = null;
  do {
    const { status, body } = await client.get(
      `${path}?limit=100${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    expect([path, status]).toEqual([path, 200]);
    items.push(...(body.items as { id: string; text: string }[]));
    cursor = body.next_cursor;
  } while (cursor !== null);
  return items;
}

test(
  'every acknowledged post exists exactly once after every process and every server was killed',
  async () => {
    const load = Promise.all([
      postContinuously('/posts', 'sync a'),
      postContinuously('/posts', 'sync b'),
      postContinuously('/posts/async', 'async a'),
      postContinuously('/posts/async', 'async b'),
    ]);
    for (const name of PROCESSES) {
      await system.killAndStart(name);
      await Bun.sleep(ROUND_MS);
    }
    for (const name of SERVERS) {
      const server = system.stack.server(name);
      await server.kill('SIGKILL');
      await Bun.sleep(ROUND_MS / 3);
      await server.restart();
      await Bun.sleep(ROUND_MS);
    }
    const countBefore = acknowledged.size;
    await eventually(() => expect(acknowledged.size).toBeGreaterThan(countBefore + 4), RECOVERY_MS);
    posting = false;
    await load;

    const me = await eventually(() => signIn(system.url, 'reader'), RECOVERY_MS);
    await eventually(async () => {
      const written = await readList(me, '/posts/author');
      const ids = new Map(written.map(({ id, text }) => [text, id]));
      expect(written.length).toBe(ids.size);
      const lost = [...acknowledged].filter(([text, id]) => ids.get(text) !== id).map(([text]) => text);
      expect(lost).toEqual([]);
    }, RECOVERY_MS);
    await eventually(async () => {
      const written = (await readList(me, '/posts/author')).map(({ id }) => id);
      const home = (await readList(me, '/posts/home/reader')).map(({ id }) => id);
      expect(home).toEqual(written);
    }, RECOVERY_MS);
    expect(acknowledged.size).toBeGreaterThan(100);
  },
  TEST_MS,
);

test(
  'afterwards every process becomes ready again',
  async () => {
    for (const name of [
      'users',
      'timelines',
      'auth',
      'likes',
      'polls',
      'posts',
      'fanout',
      'likes-validation',
      'likes-notification',
    ])
      await eventually(async () => {
        const { status } = (await (await fetch(`${system.process(name).url}/readyz`)).json()) as {
          status: string;
        };
        expect([name, status]).toEqual([name, 'ready']);
      }, RECOVERY_MS);
  },
  TEST_MS,
);
