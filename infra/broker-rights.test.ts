import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelModel, connect } from 'amqplib';
import { PostDeleted } from '#contracts/events/posts';
import { UserDeleted } from '#contracts/events/users';
import { envelope } from '#contracts/messages';
import type { Runtime } from '#kit/core/runtime';
import { openRabbit, type Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import { serverUsers } from '../scripts/server-users/users';
import { eventually } from '../tests/support/eventually';
import { testRuntime } from '../tests/support/servers';
import { consumerOf, EVENTS } from './broker-definitions';
import { processesWithIdentity } from './identities';
import { type Stack, startStack } from './stack';

const folder = mkdtempSync(join(tmpdir(), 'rookery-broker-'));
const PORT_OFFSET = 13_100;
const runtimes: Runtime[] = [];
let stack: Stack;

beforeAll(async () => {
  const only = ['rabbitmq'];
  stack = await startStack({ folder, profile: 'development', portOffset: PORT_OFFSET, only, source: {} });
}, 240_000);
afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.close()));
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function urlOf(process: string): string {
  const text = readFileSync(stack.identityFile(process), 'utf8');
  const url = new URL(stack.processEnvironment.AMQP_URL ?? '');
  url.username = /^AMQP_USER=(.+)$/m.exec(text)?.[1] ?? '';
  url.password = /^AMQP_PASSWORD=(.+)$/m.exec(text)?.[1] ?? '';
  return url.href;
}

async function opened(process: string): Promise<{ rabbit: Rabbit; runtime: Runtime }> {
  const runtime = testRuntime(process);
  runtimes.push(runtime);
  const rabbit = openRabbit(runtime, { urls: [urlOf(process)], required: true });
  await eventually(() => rabbit.connected);
  return { rabbit, runtime };
}

const deletion = () => {
  const user = { id: Bun.randomUUIDv7(), version: 2 };
  return envelope(UserDeleted, user, { requestId: 'request-1', actor: null });
};
const bytesOf = (message: object) => Buffer.from(JSON.stringify(message));

describe('the broker', () => {
  test('knows every event of the contracts', async () => {
    const known = new Set(EVENTS.map(({ name, version }) => `${name} ${version}`));
    for await (const file of new Bun.Glob('*.ts').scan(join(import.meta.dir, '..', 'contracts', 'events')))
      for (const value of Object.values(await import(`#contracts/events/${file.replace('.ts', '')}`)))
        if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'event')
          expect(known).toContain(`${Reflect.get(value, 'name')} ${Reflect.get(value, 'version')}`);
  });

  test('refuses a message to an exchange of another process, and nothing that is in flight with it', async () => {
    const { rabbit } = await opened('timelines');
    const own = { exchange: PostDeleted.exchange, routingKey: PostDeleted.routingKey, consumers: [] };
    const foreign = { exchange: UserDeleted.exchange, routingKey: UserDeleted.routingKey, consumers: [] };
    const publish = (route: typeof own, number: number) =>
      rabbit.publish(route, { id: `${route.exchange}-${number}`, body: Buffer.from('{}') });
    const isRefused = (failure: unknown) => expect(failure).toMatchObject({ name: 'PublishRefused' });
    // Closes the channel: some of what is published meanwhile has to be published again.
    await eventually(() => publish(foreign, 1).then(() => expect.unreachable(), isRefused));
    await eventually(() => publish(own, 1));
    const outcomes = await Promise.allSettled(
      [2, 3, 4].flatMap((number) => [publish(own, number), publish(foreign, number)]),
    );
    for (const [index, outcome] of outcomes.entries())
      if (index % 2 === 0) expect(outcome.status).toBe('fulfilled');
      else expect(outcome).toMatchObject({ reason: { name: 'PublishRefused' } });
  });

  test('gives every queue to a process that consumes it', () => {
    const processes = processesWithIdentity(readFileSync(join(import.meta.dir, '..', 'Procfile'), 'utf8'));
    const queues = new Set(EVENTS.flatMap(({ consumers }) => consumers));
    expect([...queues].filter((queue) => !processes.includes(consumerOf(queue)))).toEqual([]);
    const publishers = new Set(EVENTS.flatMap((event) => event.publishers));
    expect([...publishers].filter((publisher) => !processes.includes(publisher))).toEqual([]);
  });

  test('lets a process publish its own events, and read its own queues', async () => {
    const { rabbit } = await opened('users');
    const message = deletion();
    await rabbit.publish(UserDeleted, { id: message.id, body: bytesOf(message) });
  });

  test('refuses a stranger everything else', async () => {
    const connection = await connect(urlOf('video'));
    const likes = await connect(urlOf('likes'));
    const attempts: [string, ChannelModel, (channel: Awaited<ReturnType<typeof confirmed>>) => unknown][] = [
      [
        'publish to the exchange of another',
        likes,
        (channel) => channel.publish('users', 'user.deleted', bytesOf({})),
      ],
      [
        'publish in the name of another',
        likes,
        (channel) => channel.publish('likes', 'x', bytesOf({}), { userId: 'users' }),
      ],
      ['put directly into a queue', connection, (channel) => channel.publish('', 'auth', bytesOf({}))],
      ['read the queue of another service', connection, (channel) => channel.get('users')],
      ['read the queue of another', likes, (channel) => channel.get('auth')],
      ['read what is parked for another', likes, (channel) => channel.get('auth.parked')],
      ['delete a queue', likes, (channel) => channel.deleteQueue('likes')],
      ['declare a queue', likes, (channel) => channel.assertQueue('spy')],
      ['delete an exchange', likes, (channel) => channel.deleteExchange('users')],
      [
        'listen to the exchange of another',
        likes,
        async (channel) => {
          const { queue } = await channel.assertQueue('', { exclusive: true });
          await channel.bindQueue(queue, 'users', '#');
        },
      ],
    ];
    // What consumes the queue `media` must not be able to publish to the exchange `media`.
    const worker = await connect(urlOf('media-worker'));
    attempts.push([
      'publish to an exchange with the name of its queue',
      worker,
      (channel) => channel.publish('media', 'picture.uploaded', bytesOf({})),
    ]);
    for (const [what, by, attempt] of attempts) {
      const channel = await confirmed(by);
      const refused = new Promise((resolve) => channel.once('error', (failure) => resolve(failure.code)));
      const outcome = Promise.resolve()
        .then(() => attempt(channel))
        .then(() => channel.waitForConfirms())
        .then(
          () => 'allowed',
          () => refused,
        );
      expect(await outcome, what).toBeOneOf([403, 406]);
    }
    await Promise.all([connection.close(), likes.close(), worker.close()]);
  });
});

test('an event that a stranger puts directly into a queue is parked by its consumer', async () => {
  const { rabbit, runtime } = await opened('archives');
  const handled: string[] = [];
  const { rabbit: users } = await opened('users');
  consumeEvents(runtime, rabbit, {
    consumer: 'archives',
    events: [UserDeleted],
    prefetch: 1,
    handle: async ({ id }) => void handled.push(id),
  });
  // Every consumer may use the default exchange, for its retries.
  const stranger = await connect(urlOf('likes'));
  const channel = await confirmed(stranger);
  const forged = deletion();
  const put = (headers: object, userId?: string) =>
    channel.sendToQueue('archives', bytesOf(forged), {
      headers,
      messageId: forged.id,
      ...(userId && { userId }),
    });
  put({});
  put({ 'x-published-by': 'users' }, 'likes');
  put({}, 'likes');
  await channel.waitForConfirms();
  const genuine = deletion();
  await users.publish(UserDeleted, { id: genuine.id, body: bytesOf(genuine) });

  const operator = await connect(stack.environment.AMQP_URL ?? '');
  const inspection = await operator.createChannel();
  await eventually(async () => {
    expect(handled).toContain(genuine.id);
    expect((await inspection.checkQueue(parkedQueue('archives'))).messageCount).toBe(3);
  });
  expect(handled).not.toContain(forged.id);
  const parked = await inspection.get(parkedQueue('archives'));
  expect(parked === false ? undefined : parked.properties.headers?.['x-parked-reason']).toStartWith(
    'ForgedMessage',
  );
  await Promise.all([stranger.close(), operator.close()]);
});

test('the users that production defines take the passwords of the last import', async () => {
  const file = join(folder, 'definitions.json');
  const passwordsOf = (version: string) =>
    new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => `${version}-password-of-${String(name)}` });
  const connected = async (version: string) => {
    const url = new URL(stack.processEnvironment.AMQP_URL ?? '');
    url.username = 'mail-worker';
    url.password = `${version}-password-of-MAIL_WORKER_AMQP_PASSWORD`;
    await (await connect(url.href)).close();
  };
  for (const version of ['first', 'second']) {
    writeFileSync(file, serverUsers('rabbitmq', passwordsOf(version)));
    expect(await imported(file)).toBe(0);
    await eventually(() => connected(version));
  }
  await expect(connected('first')).rejects.toThrow(/ACCESS_REFUSED/);
});

/** Imports definitions into the running broker, as an operator does. */
function imported(file: string): Promise<number> {
  const home = join(folder, 'rabbitmq', 'home');
  return Bun.spawn(['/usr/lib/rabbitmq/bin/rabbitmqctl', 'import_definitions', file], {
    env: {
      PATH: process.env.PATH,
      HOME: home,
      ERL_EPMD_PORT: String(15_674 + PORT_OFFSET),
      RABBITMQ_NODENAME: 'rookery@localhost',
      RABBITMQ_CONF_ENV_FILE: join(home, 'none.conf'),
    },
    stdout: 'ignore',
    stderr: 'inherit',
  }).exited;
}

const confirmed = (connection: ChannelModel) => connection.createConfirmChannel();
