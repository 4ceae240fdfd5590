import { beforeAll, expect, test } from 'bun:test';
import { type Client, join, type Reply, signIn } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const SYSTEM_MS = 240_000;
const TEST_MS = 240_000;
const RECOVERY_MS = 60_000;
/** Posts acknowledged between two failures, of each kind: the system has recovered and is under load. */
const POSTS_BETWEEN = 4;
/** How long a server stays away. */
const OUTAGE_MS = 500;

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
  system = await sharedSystem();
  [author, reader] = await Promise.all([join(system.url, 'survivor'), join(system.url, 'witness')]);
  await reader.post('/users/follow/survivor');
  // Reading the home timeline creates the feed that posts are delivered to.
  await reader.get('/posts/home/witness');
}, SYSTEM_MS);

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

/** Waits until more posts of both kinds have been acknowledged. */
async function morePosts(): Promise<void> {
  const count = (kind: string) => [...acknowledged.keys()].filter((text) => text.startsWith(kind)).length;
  const wanted = ['sync', 'async'].map((kind) => ({ kind, count: count(kind) + POSTS_BETWEEN }));
  await eventually(() => wanted.every((one) => count(one.kind) >= one.count), RECOVERY_MS);
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
    await morePosts();
    for (const name of PROCESSES) {
      await system.killAndStart(name);
      await morePosts();
    }
    for (const name of SERVERS) {
      const server = system.stack.server(name);
      await server.kill('SIGKILL');
      // Requests fail, or are accepted without this server, before it returns.
      await Bun.sleep(OUTAGE_MS);
      await server.restart();
      await morePosts();
    }
    posting = false;
    await load;

    const me = await eventually(() => signIn(system.url, 'witness'), RECOVERY_MS);
    await eventually(async () => {
      const written = await readList(me, '/posts/survivor');
      const ids = new Map(written.map(({ id, text }) => [text, id]));
      expect(written.length).toBe(ids.size);
      const lost = [...acknowledged].filter(([text, id]) => ids.get(text) !== id).map(([text]) => text);
      expect(lost).toEqual([]);
    }, RECOVERY_MS);
    await eventually(async () => {
      const written = (await readList(me, '/posts/survivor')).map(({ id }) => id);
      const home = (await readList(me, '/posts/home/witness')).map(({ id }) => id);
      expect(home).toEqual(written);
    }, RECOVERY_MS);
    expect(acknowledged.size).toBeGreaterThanOrEqual(2 * POSTS_BETWEEN * (PROCESSES.length + SERVERS.length));
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
