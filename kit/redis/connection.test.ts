import { afterAll, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { startFaultProxy } from '../../tests/support/fault-proxy';
import { testServers } from '../../tests/support/redis-servers';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { openRedis } from './client';
import type { Redis } from './commands';
import { redisScript } from './script';

const runtime = testRuntime('redis-connection');
const servers = testServers();
const COMMAND_TIMEOUT_MS = 400;

afterAll(async () => {
  await runtime.close();
  await servers.stop();
});

const open = (url: string) =>
  openRedis(runtime, { url, required: false, commandTimeoutMs: COMMAND_TIMEOUT_MS });
const script = redisScript("return redis.call('GET', KEYS[1])");

/** Every way to wait for Redis. */
const commandsOf = (redis: Redis): Record<string, () => Promise<unknown>> => ({
  command: () => redis.get('a'),
  script: () => script(redis, ['a'], []),
  ping: () => redis.ping(),
  publish: () => redis.publish('a', 'message'),
  subscribe: () => redis.subscribe(uniqueName('channel'), () => undefined),
  'catching up': () => redis.catchUp('a'),
  scan: () => redis.scanIterator({ MATCH: '*' }).next(),
});

async function expectAllToFail(redis: Redis): Promise<void> {
  const outcomes = Object.entries(commandsOf(redis)).map(async ([name, run]) => [
    name,
    await run().then(
      () => 'replied',
      () => 'rejected',
    ),
  ]);
  expect(Object.fromEntries(await Promise.all(outcomes))).toEqual(
    Object.fromEntries(Object.keys(commandsOf(redis)).map((name) => [name, 'rejected'])),
  );
}

test('a Redis that has stopped rejects every command, and is used again when it continues', async () => {
  const server = await servers.start('redis-server');
  const redis = await open(server.url);
  await redis.set('a', 'kept');
  const heard: string[] = [];
  await redis.subscribe('kept', (message) => heard.push(message));
  let losses = 0;
  redis.onLost(() => losses++);
  server.signal('SIGSTOP');
  await expectAllToFail(redis);
  expect([losses > 0, redis.isReady]).toEqual([true, false]);
  server.signal('SIGCONT');
  await eventually(async () => (await redis.get('a')) === 'kept');
  // Subscribed again.
  await redis.publish('kept', 'again');
  await redis.catchUp('kept');
  expect(heard).toEqual(['again']);
});

test('a network that loses packets rejects every command, and other connections are opened', async () => {
  const proxy = await startFaultProxy(Number(new URL(serverVariable('REDIS_URL')).port), 'GET');
  const redis = await open(`redis://127.0.0.1:${proxy.port}`);
  const key = uniqueName('key');
  await redis.set(key, 'kept');
  proxy.inject({ kind: 'half-open' });
  await expectAllToFail(redis);
  proxy.inject(null);
  await eventually(async () => (await redis.get(key)) === 'kept');
  proxy.stop();
});

test('a connection that only listens notices as well that Redis has stopped', async () => {
  const server = await servers.start('redis-server');
  const redis = await open(server.url);
  const lost = Promise.withResolvers<void>();
  redis.onLost(lost.resolve);
  server.signal('SIGSTOP');
  await lost.promise;
  server.signal('SIGCONT');
  await eventually(() => redis.isReady);
});

test('a pause of this process is not one of Redis', async () => {
  const redis = await open(serverVariable('REDIS_URL'));
  let losses = 0;
  redis.onLost(() => losses++);
  const reply = redis.get(uniqueName('key'));
  Bun.sleepSync(3 * COMMAND_TIMEOUT_MS);
  expect(await reply).toBeNull();
  expect(losses).toBe(0);
});

test('a call whose keys a cluster could not find on one server is rejected on one server as well', async () => {
  const redis = await open(serverVariable('REDIS_URL'));
  await expect(redis.del(['a', 'b'])).rejects.toThrow('hash slot');
  await expect(script(redis, ['a', 'b'], [])).rejects.toThrow('hash slot');
  await expect(script(redis, [], [])).rejects.toThrow('hash slot');
  expect(await redis.del(['{a}:1', '{a}:2'])).toBe(0);
  // Names from the first version, which have a hash tag in a cluster only.
  const family = redis.family(uniqueName('family'));
  expect(await redis.del([`${family}:1`, `${family}:2`])).toBe(0);
  // Where a cluster gets one call for each slot.
  const group = redis.groups(['a', 'b'], (key) => key);
  for (const keys of group) expect(await script(redis.ofGroup, keys, [])).toBeNull();
});
