import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep } from '#kit/core/back-off';
import { allNodes } from '../../infra/cluster/nodes';
import { installServers } from '../../infra/install';
import { listenForShutdown } from '../../infra/shutdown-signals';
import { checksOf, untilItHolds } from './checks';
import { type Kind, type Load, startLoad } from './load';
import { untilAllAreMembers } from './members';
import { masterOf } from './redis-master';
import { type Case, tableOf } from './report';
import { type ClusterSystem, startClusterSystem } from './system';

/**
 * Kills each node of each cluster and brings it back, and partitions it and ends the partition, while people post, like,
 * vote, pay, talk and upload files; checks that everything that was acknowledged exists once, and writes
 * docs/cluster-faults.md. Not part of the tests: it takes minutes, gigabytes and, for partitions, root. A node of Redis
 * stands for the master of its shard.
 *
 *     bun tests/cluster/main.ts                                  # each node, killed and partitioned
 *     bun tests/cluster/main.ts --nodes=mariadb-1,redis-1 --rounds=2 --faults=killed
 */
const ROOT = join(import.meta.dir, '..', '..');
/** How long a node is away at least: longer than any cluster takes to notice it. */
const AWAY_MS = 15_000;
/** Until every kind of operation is acknowledged again. */
const RECOVERY_MS = 180_000;
const FAULTS = ['killed', 'partitioned'] as const;
type Fault = (typeof FAULTS)[number];

interface Options {
  readonly nodes: readonly string[];
  readonly faults: readonly Fault[];
  readonly rounds: number;
  readonly folder: string;
}

async function main(options: Options): Promise<boolean> {
  if (!installServers('cluster')) return false;
  const { signal } = listenForShutdown();
  const namespaces = options.faults.includes('partitioned');
  rmSync(options.folder, { recursive: true, force: true });
  const system = await startClusterSystem({ folder: options.folder, namespaces, signal });
  try {
    const load = await startLoad(system.urls);
    await load.untilAllAcknowledged(RECOVERY_MS);
    const cases: Case[] = [];
    for (let round = 1; round <= options.rounds; round++)
      for (const fault of options.faults)
        for (const node of options.nodes) {
          if (signal.aborted) return false;
          const result = await provoke(system, load, { node: await targetOf(system, node), fault });
          console.log(`${result.node} ${fault}: ${JSON.stringify(result)}`);
          cases.push(result);
        }
    await load.stop();
    const checked: Record<string, string[]> = {};
    for (const [name, check] of Object.entries(checksOf(system, load))) {
      const problems = await untilItHolds(check);
      checked[name] = problems;
      console.log(`${problems.length === 0 ? '✓' : '✗'} ${name} ${problems.slice(0, 5).join('; ')}`);
    }
    for (const member of load.crowd) member.leave();
    writeFileSync(join(ROOT, 'docs', 'cluster-faults.md'), tableOf(cases, checked, load));
    return [...Object.values(checked).flat(), ...cases.flatMap(({ problem }) => problem ?? [])].length === 0;
  } finally {
    await system.stop();
  }
}

/** Of Redis who is a master at this moment: without a replica nothing fails over. */
const targetOf = async (system: ClusterSystem, node: string) =>
  node.startsWith('redis-') ? masterOf(system.stack, node) : node;

/** Nothing replaces the only store of files. */
const waitingFor = (node: string): Kind[] => (node.startsWith('s3-') ? ['upload'] : []);

async function provoke(
  system: ClusterSystem,
  load: Load,
  { node, fault }: { node: string; fault: Fault },
): Promise<Case> {
  const { network } = system.stack;
  const server = system.stack.server(node);
  const failedBefore = load.failedAttempts();
  const begin = performance.now();
  let back = begin;
  let isAway = false;
  async function bringBack() {
    isAway = false;
    back = performance.now();
    await (fault === 'killed' ? server.restart() : network.join(node));
  }
  const result = () => {
    const slowest = load.slowestSince(begin);
    return {
      ...{ node, fault, slowestKind: slowest.kind, slowestSeconds: toSeconds(slowest.ms) },
      returnSeconds: toSeconds(performance.now() - back),
      failedAttempts: load.failedAttempts() - failedBefore,
    };
  };
  try {
    isAway = true;
    await (fault === 'killed' ? server.kill('SIGKILL') : network.cut(node));
    await load.untilAllAcknowledged(RECOVERY_MS, waitingFor(node));
    await sleep(Math.max(0, AWAY_MS - (performance.now() - begin)));
    await bringBack();
    await load.untilAllAcknowledged(RECOVERY_MS);
    const done = result();
    await untilAllAreMembers(system.stack);
    return done;
  } catch (failure) {
    // The next case needs it.
    if (isAway) await bringBack();
    return { ...result(), problem: failure instanceof Error ? failure.message : String(failure) };
  }
}

const toSeconds = (ms: number) => Math.round(ms / 100) / 10;

const { values } = parseArgs({
  options: {
    nodes: {
      type: 'string',
      default: allNodes()
        .map(({ name }) => name)
        .join(','),
    },
    faults: { type: 'string', default: FAULTS.join(',') },
    rounds: { type: 'string', default: '1' },
    folder: { type: 'string', default: join(ROOT, '.data', 'cluster-faults') },
  },
});
const isDone = await main({
  nodes: values.nodes.split(','),
  faults: FAULTS.filter((fault) => values.faults.split(',').includes(fault)),
  rounds: Number(values.rounds),
  folder: values.folder,
});
process.exit(isDone ? 0 : 1);
