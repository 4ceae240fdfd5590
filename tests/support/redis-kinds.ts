import { atEndOfRun } from './end-of-run';
import { startCluster, type TestCluster } from './redis-cluster';
import { testServers } from './redis-servers';
import { serverVariable } from './servers';

let shared: Promise<TestCluster> | undefined;

/** A cluster of three masters, started once for all test files that only use it. */
export function sharedCluster(): Promise<TestCluster> {
  shared ??= startShared();
  return shared;
}

async function startShared(): Promise<TestCluster> {
  const servers = testServers();
  atEndOfRun(servers.stop);
  return startCluster(servers);
}

/** REDIS_URL of one server, and of a cluster: what holds on the one holds on the other. */
export const REDIS_KINDS: readonly [string, () => Promise<string>][] = [
  ['one server', async () => serverVariable('REDIS_URL')],
  ['a cluster', async () => (await sharedCluster()).url],
];
