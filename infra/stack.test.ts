import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

const redisPort = () => Number(new URL(stack.environment.REDIS_URL ?? '').port);
const beanstalkdPort = () => Number(stack.environment.BEANSTALKD_PORT);

test('a killed Redis restarts on its port with everything it acknowledged', async () => {
  expect(await probeTcp(redisPort(), 'SET bird rook\r\n')).toBe('+OK\r\n');
  await stack.server('redis').kill('SIGKILL');
  expect(await probeTcp(redisPort(), 'GET bird\r\n')).toBeUndefined();
  await stack.server('redis').restart();
  expect(await probeTcp(redisPort(), 'GET bird\r\n')).toBe('$4\r\nrook\r\n');
});

test('Redis writes what it acknowledges before it replies, also while the disk is slow', async () => {
  expect(await probeTcp(redisPort(), 'CONFIG GET appendfsync\r\n')).toContain('\r\nno\r\n');
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
  expect(await probeTcp(redisPort(), 'GET bird\r\n')).toBe('$4\r\nrook\r\n');
});
