import { eventually } from './eventually';
import { ask, type TestRedis, type TestServers } from './redis-servers';

const SLOTS = 16_384;
/** After which a master that is silent has failed; short, so that a test of a fail-over is. */
const NODE_TIMEOUT_MS = 2_000;

export interface TestCluster {
  readonly masters: readonly TestRedis[];
  readonly replicas: readonly TestRedis[];
  /** REDIS_URL. */
  readonly url: string;
}

/** Starts a Redis Cluster of three masters, each with that many replicas, and returns once every node serves it. */
export async function startCluster(servers: TestServers, replicasEach: 0 | 1 = 0): Promise<TestCluster> {
  const start = () =>
    servers.start('redis-server', [
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
      ...['--cluster-replica-validity-factor', '0', '--zset-max-listpack-entries', '1024'],
    ]);
  const nodes = await Promise.all(Array.from({ length: 3 * (1 + replicasEach) }, start));
  const masters = nodes.slice(0, 3);
  const replicas = nodes.slice(3);
  const [first] = masters;
  if (first === undefined) throw new Error('No node was started');
  for (const [index, { url, port, busPort }] of nodes.entries()) {
    // Otherwise all have the same epoch at first, and settle it by collisions.
    await ask(url, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)]);
    if (index < 3) await ask(url, ['CLUSTER', 'ADDSLOTSRANGE', ...slotRange(index)]);
    await ask(first.url, ['CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPort)]);
  }
  await eventually(async () => (await Promise.all(nodes.map(knownNodes))).every((n) => n === nodes.length));
  for (const [index, replica] of replicas.entries()) {
    const [id] = await ask(masters[index]?.url ?? '', ['CLUSTER', 'MYID']);
    await eventually(() => ask(replica.url, ['CLUSTER', 'REPLICATE', String(id)]));
  }
  await eventually(async () => (await Promise.all(nodes.map(isServing))).every(Boolean));
  const url = nodes.map(({ port }) => `redis+cluster://127.0.0.1:${port}`).join(',');
  return { masters, replicas, url };
}

function slotRange(index: number): [string, string] {
  const start = (part: number) => Math.floor((part * SLOTS) / 3);
  return [String(start(index)), String(start(index + 1) - 1)];
}

async function infoOf({ url }: TestRedis): Promise<string[]> {
  const [info] = await ask(url, ['CLUSTER', 'INFO']);
  return String(info).split('\r\n');
}

async function knownNodes(node: TestRedis): Promise<number> {
  const line = (await infoOf(node)).find((each) => each.startsWith('cluster_known_nodes:'));
  return Number(line?.split(':')[1]);
}

async function isServing(node: TestRedis): Promise<boolean> {
  const lines = await infoOf(node);
  const [role] = await ask(node.url, ['ROLE']);
  const isSynchronized = Array.isArray(role) && (role[0] === 'master' || role[3] === 'connected');
  return lines.includes('cluster_state:ok') && isSynchronized;
}
