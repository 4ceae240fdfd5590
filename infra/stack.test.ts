import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { LIKES_FAMILY, likeChangesChannel } from '#contracts/changes/likes';
import { FolderInUse } from './folder-lock';
import { probeTcp } from './probes';
import { processesOf } from './processes';
import { type Stack, startStack } from './stack';

const folder = mkdtempSync(join(tmpdir(), 'rookery-stack-'));
const options = {
  folder,
  profile: 'development',
  portOffset: 12_000,
  only: ['redis', 'beanstalkd'],
  source: {},
} as const;
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(options);
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function redisReply(...command: string[]): Promise<unknown> {
  const client = createClient({ url: stack.environment.REDIS_URL ?? '' });
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

const redisPort = () => Number(new URL(stack.environment.REDIS_URL ?? '').port);
const beanstalkdPort = () => Number(stack.environment.BEANSTALKD_PORT);

test('a killed Redis restarts on its port with everything it acknowledged', async () => {
  expect(await redisReply('SET', 'bird', 'rook')).toBe('OK');
  await stack.server('redis').kill('SIGKILL');
  expect(await probeTcp(redisPort(), 'PING\r\n')).toBeUndefined();
  await stack.server('redis').restart();
  expect(await redisReply('GET', 'bird')).toBe('rook');
});

test('Redis writes what it acknowledges before it replies, also while the disk is slow', async () => {
  expect(await redisReply('CONFIG', 'GET', 'appendfsync')).toMatchObject({ appendfsync: 'no' });
});

test('a killed beanstalkd restarts on its port with everything it acknowledged', async () => {
  const inserted = await probeTcp(beanstalkdPort(), 'put 10 0 60 4\r\nrook\r\n');
  expect(inserted).toMatch(/^INSERTED \d+\r\n$/);
  await stack.server('beanstalkd').kill('SIGKILL');
  await stack.server('beanstalkd').restart();
  expect(await probeTcp(beanstalkdPort(), 'peek-ready\r\n')).toEndWith(' 4\r\nrook\r\n');
});

test('a job can be as large as a request', async () => {
  const body = 'x'.repeat(1_000_000);
  expect(await probeTcp(beanstalkdPort(), `put 10 3600 60 ${body.length}\r\n${body}\r\n`)).toMatch(
    /^INSERTED /,
  );
});

async function redisOf(username: string) {
  const identity = readFileSync(stack.identityFile(username), 'utf8');
  const password = /^REDIS_PASSWORD=(.+)$/m.exec(identity)?.[1] ?? '';
  const client = createClient({ url: stack.processEnvironment.REDIS_URL ?? '', username, password });
  await client.connect();
  return client;
}

test('a process reaches its own keys and channels of Redis, and nobody gets in without a password', async () => {
  expect(await probeTcp(redisPort(), 'GET bird\r\n')).toStartWith('-NOAUTH');
  const auth = await redisOf('auth');
  await auth.set('auth:try', '1');
  await auth.publish('auth:try', '1');
  const read = { keys: ['likes:try'] };
  const attempts = {
    'read a key of another': () => auth.get('likes:try'),
    'read it in a script': () => auth.eval("return redis.call('GET', KEYS[1])", read),
    'read it in a script, undeclared': () => auth.eval("return redis.call('GET', 'likes:try')"),
    'publish to a channel of another': () => auth.publish('chat:room:1', '1'),
    'delete everything': () => auth.flushAll(),
    'read the users': () => auth.sendCommand(['ACL', 'LIST']),
    'change the settings': () => auth.sendCommand(['CONFIG', 'SET', 'dir', '/tmp']),
  };
  for (const [what, attempt] of Object.entries(attempts))
    await expect(attempt(), what).rejects.toThrow(/NOPERM|permission|can't access/);
  auth.destroy();
});

test('timelines hears of changed likes, and reads none of them', async () => {
  const [likes, timelines] = [await redisOf('likes'), await redisOf('timelines')];
  const heard = Promise.withResolvers<string>();
  await timelines.subscribe(likeChangesChannel(), heard.resolve);
  await likes.eval(`return redis.call('PUBLISH', '${likeChangesChannel()}', '* *')`);
  expect(await heard.promise).toBe('* *');
  await timelines.unsubscribe();
  // As both are called in a cluster.
  const ofCluster = likeChangesChannel(`{${LIKES_FAMILY}}`);
  const heardInCluster = Promise.withResolvers<string>();
  await timelines.sSubscribe(ofCluster, heardInCluster.resolve);
  await timelines.sPublish(`timelines:${ofCluster}`, 'beside');
  const script = "redis.call('SET', KEYS[1], '1') return redis.call('SPUBLISH', ARGV[1], '* *')";
  await likes.eval(script, { keys: ['{likes}:try'], arguments: [ofCluster] });
  expect(await heardInCluster.promise).toBe('* *');
  await expect(timelines.get('{likes}:try')).rejects.toThrow('NOPERM');
  await expect(timelines.subscribe('likes:others', () => undefined)).rejects.toThrow('NOPERM');
  await expect(timelines.get('likes:try')).rejects.toThrow('NOPERM');
  likes.destroy();
  timelines.destroy();
});

test('two stacks never share a folder', async () => {
  await expect(startStack(options)).rejects.toThrow(FolderInUse);
});

test('a server from the environment is used instead of starting one', async () => {
  const lines: string[] = [];
  const other = await startStack({
    ...options,
    folder: join(folder, 'other'),
    only: ['redis'],
    source: { REDIS_URL: 'redis://external' },
    report: (line) => lines.push(line),
  });
  expect(other.environment).toEqual({});
  expect(lines).toEqual(['redis: using the server in REDIS_URL']);
  await other.stop();
});

test('a stopped stack leaves no processes behind and keeps its data', async () => {
  await stack.stop();
  expect(processesOf(folder)).toEqual([]);
  stack = await startStack(options);
  expect(await redisReply('GET', 'bird')).toBe('rook');
});
