import { beforeAll, expect, test } from 'bun:test';
import { type Client, join, signIn } from '../support/client';
import { eventually } from '../support/eventually';
import { describeProcesses } from '../support/process-report';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const SYSTEM_MS = 240_000;
const TEST_MS = 480_000;
const RECOVERY_MS = 60_000;
/** A job that failed during the outages waits for its back-off: its sixth attempt up to 32 s, its seventh up to 64 s. */
const BACK_OFF_MS = 150_000;
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

/** One client that posts without pause, and what it has met, to explain a failure. */
interface Poster {
  readonly path: '/posts' | '/posts/async';
  readonly name: string;
  acknowledged: number;
  /** Of the latest attempts, oldest first. */
  readonly attempts: { startedAt: number; endedAt?: number; result?: string }[];
  failure?: unknown;
}

const ATTEMPTS_KEPT = 8;
const posters = (['sync a', 'sync b', 'async a', 'async b'] as const).map(
  (name): Poster => ({
    path: name.startsWith('sync') ? '/posts' : '/posts/async',
    name,
    acknowledged: 0,
    attempts: [],
  }),
);

beforeAll(async () => {
  system = await sharedSystem();
  [author, reader] = await Promise.all([join(system.url, 'survivor'), join(system.url, 'witness')]);
  await reader.post('/users/follow/survivor');
  // Reading the home timeline creates the feed that posts are delivered to.
  await reader.get('/posts/home/witness');
}, SYSTEM_MS);

/** @returns the status and, unless the post was acknowledged, its problem document; 0 without a response */
async function attempt(poster: Poster, text: string): Promise<number> {
  const record: Poster['attempts'][number] = { startedAt: Date.now() };
  poster.attempts.push(record);
  if (poster.attempts.length > ATTEMPTS_KEPT) poster.attempts.shift();
  try {
    const { status, body } = await author.post(
      poster.path,
      { text },
      { 'idempotency-key': text.replaceAll(' ', '-') },
    );
    if (status === 201 || status === 202) acknowledged.set(text, String(body.id));
    record.result = `${status} ${JSON.stringify(body)}`;
    return status;
  } catch (failure) {
    record.result = String(failure);
    return 0;
  } finally {
    record.endedAt = Date.now();
  }
}

/** Retries one post until it is acknowledged, with one Idempotency-Key for all attempts. */
async function postUntilAcknowledged(poster: Poster, text: string): Promise<void> {
  while (posting) {
    const status = await attempt(poster, text);
    if (acknowledged.has(text)) return;
    // In flight, unavailable or disconnected: retried. Anything else is an error of the system.
    if (![0, 409, 500, 502, 503, 504].includes(status)) throw new Error(`${poster.path}: status ${status}`);
    await Bun.sleep(50);
  }
}

async function postContinuously(poster: Poster): Promise<void> {
  try {
    for (let number = 0; posting; number++) {
      await postUntilAcknowledged(poster, `${poster.name} ${number}`);
      poster.acknowledged = number + 1;
    }
  } catch (failure) {
    poster.failure = failure;
  }
}

/** Waits until more posts of both kinds have been acknowledged. */
async function morePosts(): Promise<void> {
  const count = (path: string) =>
    posters.filter((poster) => poster.path === path).reduce((sum, poster) => sum + poster.acknowledged, 0);
  const wanted = ['/posts', '/posts/async'].map((path) => ({ path, count: count(path) + POSTS_BETWEEN }));
  const hasFailed = () => posters.some(({ failure }) => failure !== undefined);
  await eventually(() => hasFailed() || wanted.every((one) => count(one.path) >= one.count), RECOVERY_MS);
  expect(posters.flatMap(({ failure }) => failure ?? [])).toEqual([]);
}

/** Runs one step of the test; its failure tells what the clients and the processes have met. */
async function step<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  const startedAt = Date.now();
  try {
    return await run();
  } catch (failure) {
    throw new Error(`${name} (${Date.now() - startedAt} ms): ${await describeSystem(startedAt)}`, {
      cause: failure,
    });
  }
}

async function describeSystem(startedAt: number): Promise<string> {
  const clients = posters.flatMap((poster) => [
    `client ${poster.name}: ${poster.acknowledged} acknowledged ${poster.failure ?? ''}`,
    ...poster.attempts.map(({ startedAt: from, endedAt, result }) => {
      const taken = endedAt === undefined ? 'in flight' : `${endedAt - from} ms: ${result}`;
      return `  +${from - startedAt} ms, ${taken}`;
    }),
  ]);
  return ['', ...clients, await describeProcesses(system, PROCESSES)].join('\n');
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
    const load = Promise.all(posters.map(postContinuously));
    await step('posts before the first failure', morePosts);
    for (const name of PROCESSES) {
      await step(`${name} is started again`, () => system.killAndStart(name));
      await step(`posts after ${name} was killed`, morePosts);
    }
    for (const name of SERVERS) {
      const server = system.stack.server(name);
      await server.kill('SIGKILL');
      // Requests fail, or are accepted without this server, before it returns.
      await Bun.sleep(OUTAGE_MS);
      await step(`${name} is started again`, () => server.restart());
      await step(`posts after ${name} was killed`, morePosts);
    }
    posting = false;
    await step('the last requests end', () => load);

    const me = await step('signing in', () => eventually(() => signIn(system.url, 'witness'), RECOVERY_MS));
    await step('every post is listed once', () =>
      eventually(async () => {
        const written = await readList(me, '/posts/survivor');
        const ids = new Map(written.map(({ id, text }) => [text, id]));
        expect(written.length).toBe(ids.size);
        const lost = [...acknowledged].filter(([text, id]) => ids.get(text) !== id).map(([text]) => text);
        expect(lost).toEqual([]);
      }, BACK_OFF_MS),
    );
    await step('every post is delivered once', () =>
      eventually(async () => {
        const written = (await readList(me, '/posts/survivor')).map(({ id }) => id);
        const home = (await readList(me, '/posts/home/witness')).map(({ id }) => id);
        expect(home).toEqual(written);
      }, BACK_OFF_MS),
    );
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
      await step(`${name} is ready`, () =>
        eventually(async () => {
          const { status } = (await (await fetch(`${system.process(name).url}/readyz`)).json()) as {
            status: string;
          };
          expect([name, status]).toEqual([name, 'ready']);
        }, RECOVERY_MS),
      );
  },
  TEST_MS,
);
