import { afterAll, expect, test } from 'bun:test';
import { openChanges } from '#kit/redis/changes';
import { openRedis } from '#kit/redis/client';
import { slotOf } from '#kit/redis/slots';
import { eventually } from '../support/eventually';
import { startCluster } from '../support/redis-cluster';
import { ask, type TestRedis, testServers } from '../support/redis-servers';
import { testRuntime } from '../support/servers';

// Six nodes and three Sentinels: not among the tests of every run. bun test ./tests/faults/redis-fail-over.ts
const runtime = testRuntime('redis-fail-over');
const servers = testServers();

afterAll(async () => {
  await runtime.close();
  await servers.stop();
}, 60_000);

const names = Array.from({ length: 60 }, (_, index) => `key:${index}`);
const TAG = 'changes';

test('a killed master of a cluster is replaced by its replica, and comes back as one', async () => {
  const cluster = await startCluster(servers, 1);
  const redis = await openRedis(runtime, { url: cluster.url, required: false });
  await eventually(() => redis.isReady);
  await Promise.all(names.map((name) => redis.set(name, 'before')));
  const heard: string[] = [];
  let lost = 0;
  const changes = openChanges(runtime, redis, {
    channel: `{${TAG}}:changes`,
    onChange: (message) => heard.push(message),
    onLost: () => {
      lost++;
    },
  });
  await eventually(() => changes.current());
  const index = Math.floor((slotOf(`{${TAG}}`) * 3) / 16_384);
  const [killed, replica] = [cluster.masters[index] as TestRedis, cluster.replicas[index] as TestRedis];
  // What is not replicated is lost with a master.
  await ask(killed.url, ['WAIT', '1', '5000']);
  const before = lost;
  killed.signal('SIGKILL');
  await eventually(() => lost > before);
  await eventually(() => redis.isReady);
  expect(String((await ask(replica.url, ['ROLE']))[0])).toStartWith('master');
  for (const name of names) expect(await redis.get(name)).toBe('before');
  await eventually(() => changes.current());
  await changes.publish('after the fail-over');
  expect(await changes.current()).toBe(true);
  expect(heard.at(-1)).toBe('after the fail-over');
  await killed.restart();
  await eventually(async () => String((await ask(killed.url, ['ROLE']))[0]).startsWith('slave'));
  await Promise.all(names.map((name) => redis.set(name, 'after')));
  for (const name of names) expect(await redis.get(name)).toBe('after');
}, 120_000);

test('a killed master of Sentinels is replaced by its replica', async () => {
  const master = await servers.start('redis-server');
  const replica = await servers.start('redis-server', ['--replicaof', '127.0.0.1', String(master.port)]);
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(master.port)));
  const url = sentinels.map(({ port }) => `redis+sentinel://127.0.0.1:${port}/rookery`).join(',');
  const redis = await openRedis(runtime, { url, required: false });
  await eventually(() => redis.isReady);
  const heard: string[] = [];
  await redis.subscribe('channel', (message) => heard.push(message));
  await redis.set('key', 'before');
  await eventually(async () => (await ask(master.url, ['WAIT', '1', '1000']))[0] === 1);
  await eventually(async () => (await ask(replica.url, ['GET', 'key']))[0] === 'before');
  // The Sentinels know each other and the replica.
  await eventually(async () => {
    const [known] = await ask(sentinels[0]?.url ?? '', ['SENTINEL', 'CKQUORUM', 'rookery']);
    const [replicas] = await ask(sentinels[0]?.url ?? '', ['SENTINEL', 'REPLICAS', 'rookery']);
    return String(known).startsWith('OK 3') && Array.isArray(replicas) && replicas.length === 1;
  });
  master.signal('SIGKILL');
  await eventually(() => !redis.isReady);
  await eventually(async () => (await redis.get('key')) === 'before', 60_000);
  await redis.publish('channel', 'after the fail-over');
  await redis.catchUp('channel');
  expect(heard).toEqual(['after the fail-over']);
}, 120_000);

async function startSentinel(masterPort: number): Promise<TestRedis> {
  const sentinel = await servers.start('redis-sentinel');
  await ask(
    sentinel.url,
    ['SENTINEL', 'MONITOR', 'rookery', '127.0.0.1', String(masterPort), '2'],
    ['SENTINEL', 'SET', 'rookery', 'down-after-milliseconds', '1000', 'failover-timeout', '5000'],
  );
  return sentinel;
}
