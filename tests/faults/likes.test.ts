import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailRequested } from '#contracts/events/mail';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { createIdGenerator, firstIdAt, uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { startGrpcServer } from '#kit/grpc/server';
import { openBeanstalkd } from '#kit/messaging/beanstalkd/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { openRedis } from '#kit/redis/client';
import { runJobWorker } from '#kit/worker';
import { type Stack, startStack } from '../../infra/stack';
import { likes } from '../../services/likes';
import { likesGrpc } from '../../services/likes/grpc';
import { relayRedisOutbox } from '../../services/likes/redis-outbox';
import { likesNotificationWorker } from '../../workers/likes-notification';
import { likesValidationWorker } from '../../workers/likes-validation';
import { callerOf } from '../support/call';
import { eventually } from '../support/eventually';
import { permittedClient } from '../support/permitted-client';
import { testRuntime } from '../support/servers';
import { testTokens } from '../support/tokens';

const folder = mkdtempSync(join(tmpdir(), 'rookery-likes-'));
const runtimes: Runtime[] = [];
const tokens = await testTokens();
const author = uuidv7();
const nextPostId = createIdGenerator(1);
/** So old that validation does not wait for the post to appear. */
const INVENTED = firstIdAt(new Date('2020-01-01'));
let stack: Stack;
let call: ReturnType<typeof callerOf>;

/** The validated likes, and the requested mails with their content. */
const validated = new Set<string>();
const mails: { id: string; text: string }[] = [];
let areUsersUnavailable = false;
let failedCalls = 0;

beforeAll(async () => {
  stack = await startStack({
    folder,
    profile: 'test',
    portOffset: 6_000,
    only: ['redis', 'beanstalkd', 'rabbitmq'],
    source: {},
  });
  const grpcPort = await startService();
  startWorkers(grpcPort);
}, 120_000);

afterAll(async () => {
  for (const runtime of runtimes.reverse()) await runtime.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function makeRuntime(name: string): Runtime {
  const runtime = testRuntime(name);
  runtimes.push(runtime);
  return runtime;
}

const openJobs = (runtime: Runtime) =>
  openBeanstalkd(runtime, {
    addresses: [
      {
        host: stack.environment.BEANSTALKD_HOST ?? '',
        port: Number(stack.environment.BEANSTALKD_PORT),
      },
    ],
    required: true,
  });

/** Two relays, as of two instances. */
async function startService(): Promise<number> {
  const runtime = makeRuntime('likes');
  const redis = await openRedis(runtime, { url: stack.environment.REDIS_URL ?? '', required: true });
  const storage = { redis, prefix: 'likes' };
  const rabbit = openRabbit(runtime, { urls: [stack.environment.AMQP_URL ?? ''], required: false });
  const brokers = { beanstalkd: openJobs(runtime), rabbit };
  const outbox = relayRedisOutbox(runtime, storage, brokers);
  const other = makeRuntime('likes');
  relayRedisOutbox(other, storage, brokers);
  const deps = {
    runtime,
    storage,
    outbox,
    findPerson: async () => author,
    checkPost: async (postId: string) => (postId === INVENTED ? null : postId),
    findVisiblePosts: async (ids: readonly string[]) => new Map(ids.map((id) => [id, id])),
    digestSeconds: 1,
    now: Date.now,
    tokens: tokens.verifier,
  };
  call = callerOf(likes(deps));
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [likesGrpc(deps)],
    audience: 'likes',
  });
  return port;
}

/** Both workers with fakes of timelines and users, and a consumer of mail requests. */
function startWorkers(grpcPort: number) {
  const runtime = makeRuntime('likes-workers');
  consumeEvents(runtime, openRabbit(runtime, { urls: [stack.environment.AMQP_URL ?? ''], required: true }), {
    consumer: 'mail',
    events: [MailRequested],
    prefetch: 5,
    async handle({ data }) {
      mails.push({ id: data.event_id ?? '', text: JSON.stringify(data) });
    },
  });
  const client = permittedClient(runtime, {
    service: 'likes',
    definition: LikesServiceDefinition,
    registry: {
      instances: () => [{ host: '127.0.0.1', grpc_port: grpcPort, state: 'up' }],
      onChange: () => undefined,
    },
  });
  const timelines = {
    async getPosts({ ids, viewer_id }: { ids: string[]; viewer_id?: string | undefined }) {
      const known = ids.filter((id) => id !== INVENTED);
      for (const id of known) validated.add(`${id} ${viewer_id}`);
      return { posts: known.map((id) => ({ id, author_id: author, excerpt: `post ${id}` })) };
    },
  };
  const users = {
    async getUsers({ ids }: { ids: string[] }) {
      if (!areUsersUnavailable)
        return { users: ids.map((id) => ({ id, username: id, display_name: '', version: 1 })) };
      failedCalls++;
      throw new Error('users is unavailable');
    },
  };
  const notifications = {
    async getHearing() {
      return { delivery: 'mail', unheard_ids: [] };
    },
  };
  const jobs = openJobs(runtime);
  runJobWorker(runtime, likesValidationWorker({ timelines, likes: client, now: Date.now }), jobs);
  runJobWorker(
    runtime,
    likesNotificationWorker({
      notifications,
      timelines,
      users,
      likes: client,
      publicUrl: 'https://rookery.example',
    }),
    jobs,
  );
}

async function person() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
}

const countOf = async (postId: string) => (await call('GET', `/likes/${postId}/count`)).body.count;
const giveLike = async (postId: string, by: { authorization: string }) =>
  (await call('POST', `/likes/${postId}`, by)).status;

test('likes succeed while beanstalkd is killed, and all are validated', async () => {
  const people = await Promise.all(Array.from({ length: 300 }, person));
  const postId = nextPostId();
  const statuses = await Promise.all(people.slice(0, 100).map((one) => giveLike(postId, one)));
  await stack.server('beanstalkd').kill('SIGKILL');
  statuses.push(...(await Promise.all(people.slice(100).map((one) => giveLike(postId, one)))));
  expect(statuses.every((status) => status === 201)).toBe(true);
  await stack.server('beanstalkd').restart();
  await eventually(() => people.every(({ id }) => validated.has(`${postId} ${id}`)));
  expect(await countOf(postId)).toBe(300);
}, 60_000);

test('a killed Redis restarts with every acknowledged like', async () => {
  const people = await Promise.all(Array.from({ length: 100 }, person));
  const postId = nextPostId();
  const statuses = await Promise.all(people.map((one) => giveLike(postId, one)));
  await stack.server('redis').kill('SIGKILL');
  const [liker] = people;
  if (liker === undefined) throw new Error('No person was created');
  await eventually(async () => {
    const { status, headers } = await call('POST', `/likes/${nextPostId()}`, liker);
    return status === 503 && headers.get('retry-after') === '1';
  });
  await stack.server('redis').restart();
  await eventually(async () => (await countOf(postId)) !== undefined);
  expect(statuses.every((status) => status === 201)).toBe(true);
  expect(await countOf(postId)).toBe(100);
  await eventually(() => people.every(({ id }) => validated.has(`${postId} ${id}`)));
}, 60_000);

test('a Redis that hangs fails requests fast, and resumes with its state', async () => {
  const [me, postId] = [await person(), nextPostId()];
  await eventually(async () => (await giveLike(postId, me)) < 300);
  const pid = stack.server('redis').pid();
  if (pid === undefined) throw new Error('Redis is not running');
  process.kill(pid, 'SIGSTOP');
  const { status, body } = await call('GET', `/likes/${postId}/count`);
  process.kill(pid, 'SIGCONT');
  expect([status, body.code]).toEqual([503, 'dependency.unavailable']);
  await eventually(async () => (await countOf(postId)) === 1);
}, 60_000);

test('a like of a post that does not exist is removed', async () => {
  const me = await person();
  expect(await giveLike(INVENTED, me)).toBe(201);
  await eventually(async () => (await countOf(INVENTED)) === 0);
}, 60_000);

test('an author receives each like in one mail although users and RabbitMQ were unavailable', async () => {
  await eventually(() => mails.length > 0);
  areUsersUnavailable = true;
  const people = await Promise.all(Array.from({ length: 9 }, person));
  const postId = nextPostId();
  await Promise.all(people.map((one) => giveLike(postId, one)));
  await eventually(() => failedCalls > 0);
  await stack.server('rabbitmq').kill('SIGKILL');
  areUsersUnavailable = false;
  await stack.server('rabbitmq').restart();
  await eventually(() => mails.some(({ text }) => text.includes(postId)), 60_000);
  const [me] = people;
  if (me === undefined) throw new Error('No person was created');
  await call('DELETE', `/likes/${postId}`, me);
  await giveLike(postId, me);
  const later = nextPostId();
  await giveLike(later, me);
  await eventually(() => mails.some(({ text }) => text.includes(later)), 60_000);
  // A lost confirm may repeat the message, but always with the same id.
  const digests = mails.filter(({ text }) => text.includes(postId));
  expect(new Set(digests.map(({ id }) => id)).size).toBe(1);
  expect(digests[0]?.text).toContain('"others_count":7');
}, 180_000);
