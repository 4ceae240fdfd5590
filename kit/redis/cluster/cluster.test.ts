import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eventually } from '../../../tests/support/eventually';
import { startCluster, type TestCluster } from '../../../tests/support/redis-cluster';
import { ask, testServers } from '../../../tests/support/redis-servers';
import { testRuntime, uniqueName } from '../../../tests/support/servers';
import { openChanges } from '../changes';
import { openRedis } from '../client';
import type { Redis } from '../commands';
import { publishIn, redisScript } from '../script';
import { slotOf } from '../slots';

const runtime = testRuntime('redis-cluster');
const servers = testServers();
let cluster: TestCluster;
let redis: Redis;

beforeAll(async () => {
  cluster = await startCluster(servers);
  redis = await openRedis(runtime, { url: cluster.url, required: false });
  await eventually(() => redis.isReady);
}, 120_000);

afterAll(async () => {
  await runtime.close();
  await servers.stop();
}, 60_000);

const names = Array.from({ length: 30 }, (_, index) => `key:${index}`);
const read = redisScript("return redis.call('GET', KEYS[1])");
const publishAndSet = redisScript(`
  redis.call('SET', KEYS[1], ARGV[1])
  return redis.call(ARGV[2], ARGV[3], ARGV[1])
`);

test('commands and scripts find their keys on every master', async () => {
  await Promise.all(names.map((name) => redis.set(name, `value of ${name}`)));
  for (const name of names) {
    expect(await redis.get(name)).toBe(`value of ${name}`);
    expect(await read(redis, [name], [])).toBe(`value of ${name}`);
  }
  const keys = new Set<string>();
  for await (const batch of redis.scanIterator({ MATCH: 'key:*' })) for (const key of batch) keys.add(key);
  expect(keys).toEqual(new Set(names));
  for (const group of redis.groups(names, (name) => name)) expect(await redis.del(group)).toBe(group.length);
  await expect(redis.del(['a', 'b'])).rejects.toThrow('hash slot');
  await redis.ping();
});

test('messages reach who subscribes on another connection, also from a script', async () => {
  const other = await openRedis(runtime, { url: cluster.url, required: false });
  const heard: string[] = [];
  const channels = names.map((name) => `{${name}}:channel`);
  for (const channel of channels) await other.subscribe(channel, (message) => heard.push(message));
  for (const [index, channel] of channels.entries()) {
    await redis.publish(channel, `message ${index}`);
    await other.catchUp(channel);
    expect(heard.at(-1)).toBe(`message ${index}`);
    await publishAndSet(redis, [`{${names[index]}}:value`], [`script ${index}`, publishIn(redis), channel]);
    await other.catchUp(channel);
    expect(heard.at(-1)).toBe(`script ${index}`);
  }
  other.unsubscribe(channels[0] ?? '');
  await redis.publish(channels[0] ?? '', 'unheard');
  await other.catchUp(channels[1] ?? '');
  expect(heard).not.toContain('unheard');
});

async function listen(of: Redis, tag: string) {
  const heard: string[] = [];
  let lost = 0;
  const changes = openChanges(runtime, of, {
    channel: `{${tag}}:changes`,
    onChange: (message) => void heard.push(message),
    others: { [`other:{${tag}}`]: (message) => void heard.push(`other ${message}`) },
    onLost: () => {
      lost++;
    },
  });
  await eventually(() => changes.current());
  return { changes, heard, lost: () => lost };
}

test('what was published before has been handled when a process knows that it is current', async () => {
  const tag = uniqueName('changes');
  const writer = await listen(redis, tag);
  const reader = await listen(await openRedis(runtime, { url: cluster.url, required: false }), tag);
  for (let number = 0; number < 100; number++) {
    await writer.changes.publish(String(number));
    await redis.publish(`other:{${tag}}`, String(number));
    expect(await reader.changes.current()).toBe(true);
    expect(reader.heard.slice(-2)).toEqual([String(number), `other ${number}`]);
  }
  expect(reader.changes.repliesProve).toBe(false);
  const elsewhere = { channel: 'a', onChange() {}, onLost() {}, others: { b() {} } };
  expect(() => openChanges(runtime, redis, elsewhere)).toThrow('hash slot');
});

test('a slot that moves takes its keys and channels with it, and no call notices', async () => {
  const tag = uniqueName('moving');
  const slot = slotOf(`{${tag}}`);
  const keys = Array.from({ length: 20 }, (_, index) => `{${tag}}:${index}`);
  await Promise.all(keys.map((key) => redis.set(key, key)));
  const { changes, heard, lost } = await listen(redis, tag);
  const before = lost();
  const [from, to] = await ownersOf(slot);
  const idOf = async (url: string) => String((await ask(url, ['CLUSTER', 'MYID']))[0]);
  const [fromId, toId] = [await idOf(from.url), await idOf(to.url)];
  await ask(to.url, ['CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', fromId]);
  await ask(from.url, ['CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', toId]);
  const half = keys.slice(0, 10);
  await ask(from.url, ['MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...half]);
  // Redirected with ASK, where the key has gone already.
  for (const key of keys) expect([await redis.get(key), await read(redis, [key], [])]).toEqual([key, key]);
  await ask(from.url, ['MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys.slice(10)]);
  await ask(to.url, ['CLUSTER', 'SETSLOT', String(slot), 'NODE', toId]);
  await ask(from.url, ['CLUSTER', 'SETSLOT', String(slot), 'NODE', toId]);
  // Redirected with MOVED.
  for (const key of keys) expect(await redis.get(key)).toBe(key);
  await eventually(async () => (await changes.current()) && lost() > before);
  await changes.publish('after it has moved');
  expect(await changes.current()).toBe(true);
  expect(heard.at(-1)).toBe('after it has moved');
});

/** The master of a slot, and another one. */
async function ownersOf(slot: number) {
  for (const master of cluster.masters) {
    const [count] = await ask(master.url, ['CLUSTER', 'NODES']);
    const own = String(count)
      .split('\n')
      .find((line) => line.includes('myself'));
    const ranges = own?.split(' ').slice(8) ?? [];
    const isOwner = ranges.some((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return first !== undefined && last !== undefined && slot >= first && slot <= last;
    });
    const other = cluster.masters.find((each) => each !== master);
    if (isOwner && other !== undefined) return [master, other] as const;
  }
  throw new Error('No master serves the slot');
}

test('a node that has stopped rejects the commands for its keys, and the others reply', async () => {
  const [stopped] = await ownersOf(slotOf('key:0'));
  stopped.signal('SIGSTOP');
  const [lost, kept] = await Promise.all([
    redis.get('key:0').then(
      () => 'replied',
      () => 'rejected',
    ),
    Promise.all(
      names.map((name) =>
        redis.get(name).then(
          () => true,
          () => false,
        ),
      ),
    ),
  ]);
  stopped.signal('SIGCONT');
  expect([lost, kept.includes(true)]).toEqual(['rejected', true]);
  await eventually(() => redis.isReady);
  await eventually(async () => (await redis.get('key:0')) === null);
});
