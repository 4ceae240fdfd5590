import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { openS3Storage } from '#kit/storage/s3';
import { probeTcp } from '../probes';
import { type ClusterStack, startCluster } from './start';

const folder = mkdtempSync(join(tmpdir(), 'rookery-cluster-'));
let cluster: ClusterStack;

beforeAll(async () => {
  // MariaDB and RabbitMQ take half a minute, and Galera is not installed everywhere.
  const only = ['redis', 'beanstalkd', 's3'];
  cluster = await startCluster({ folder, profile: 'test', portOffset: 12_200, only, source: {} });
}, 180_000);
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

const addressesOf = (urls: string | undefined) =>
  (urls ?? '').split(',').map((url) => new URL(url.replace('redis+cluster:', 'redis:')));

async function command(url: URL | undefined, ...args: string[]): Promise<unknown> {
  const client = createClient({ url: url?.href ?? '' });
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}

test('the nodes of Redis form a cluster of three masters with a replica each', async () => {
  const replies = await Promise.all(
    addressesOf(cluster.environment.REDIS_URL).map((url) => command(url, 'ROLE')),
  );
  const roles = replies.map((reply) => (Array.isArray(reply) ? String(reply[0]) : ''));
  expect(roles.sort()).toEqual(['master', 'master', 'master', 'slave', 'slave', 'slave']);
});

test('a node is killed and started alone, on its address and data', async () => {
  const addresses = addressesOf(cluster.environment.REDIS_URL);
  const own = String(await command(addresses[2], 'CLUSTER', 'MYID'));
  await cluster.server('redis-3').kill('SIGKILL');
  expect(cluster.server('redis-3').pid()).toBeUndefined();
  expect(await command(addresses[1], 'PING')).toBe('PONG');
  await cluster.server('redis-3').restart();
  expect(await command(addresses[2], 'CLUSTER', 'MYID')).toBe(own);
});

test('a job waits on its beanstalkd while that one is away', async () => {
  const { BEANSTALKD_HOST = '', BEANSTALKD_PORT } = cluster.environment;
  const hosts = BEANSTALKD_HOST.split(',');
  const ask = (host: string | undefined, text: string) => probeTcp(Number(BEANSTALKD_PORT), text, host);
  expect(await ask(hosts[1], 'put 10 0 60 4\r\nrook\r\n')).toMatch(/^INSERTED \d+\r\n$/);
  await cluster.server('beanstalkd-2').kill('SIGKILL');
  expect(await ask(hosts[1], 'peek-ready\r\n')).toBeUndefined();
  expect(await ask(hosts[0], 'peek-ready\r\n')).toBe('NOT_FOUND\r\n');
  await cluster.server('beanstalkd-2').restart();
  expect(await ask(hosts[1], 'peek-ready\r\n')).toEndWith(' 4\r\nrook\r\n');
});

test('processes share a store of files, which keeps them when it is killed', async () => {
  const { S3_ENDPOINT: endpoint = '', S3_ACCESS_KEY_ID: accessKeyId = '' } = cluster.environment;
  const { S3_SECRET_ACCESS_KEY: secretAccessKey = '' } = cluster.environment;
  const open = (bucket: string) =>
    openS3Storage({ endpoint, region: 'us-east-1', bucket, accessKeyId, secretAccessKey });
  const [media, other, archives] = await Promise.all(['media', 'media', 'archives'].map(open));
  if (media === undefined || other === undefined || archives === undefined)
    throw new Error('three are opened');
  for (const storage of [media, other, archives]) await storage.check();
  const bytes = randomBytes(3_000_000);
  const received = await media.receive(new Blob([bytes]).stream(), { maximumBytes: bytes.length });
  await received.keep();
  await cluster.server('s3-1').kill('SIGKILL');
  await cluster.server('s3-1').restart();
  const read = async (range?: { start: number; end: number }) =>
    Buffer.from(await new Response(await other.read(received.sha256, range)).arrayBuffer());
  expect((await read()).equals(bytes)).toBe(true);
  expect((await read({ start: 1_000, end: 2_999_998 })).equals(bytes.subarray(1_000, 2_999_999))).toBe(true);
  expect(await archives.holds(received.sha256)).toBe(false);
  await received.discard();
});

test('nodes on loopback addresses refuse to be partitioned', async () => {
  await expect(cluster.network.cut('redis-1')).rejects.toThrow('network namespaces');
});
