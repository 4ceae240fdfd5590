import { join } from 'node:path';
import type { Pool } from 'mysql2/promise';
import { createMysqlPool } from '#kit/mysql/database';
import { type ClusterStack, startCluster } from '../../infra/cluster/start';
import { databaseOf } from '../../scripts/databases';
import { migrateAll } from '../../scripts/migrate';
import type { ProcessRunner } from '../../scripts/processes/runner';
import { gatewayUrl, startMachines } from '../../scripts/up/machines';
import { buildBundles } from '../../scripts/up/prepare';

/** Loopback addresses that no other system of this machine uses. */
const HOSTS = ['127.0.1.1', '127.0.1.2', '127.0.1.3'];
const PORT_OFFSET = 16_000;

/** The whole system on clusters of its servers. */
export interface ClusterSystem {
  readonly stack: ClusterStack;
  /** The gateways. */
  readonly urls: readonly [string, string];
  readonly stop: () => Promise<void>;
}

/**
 * Starts the system that `make cluster` starts, in a folder and on addresses of its own.
 *
 * @throws when a server does not start, or a service does not become ready
 */
export async function startClusterSystem(options: {
  readonly folder: string;
  readonly namespaces: boolean;
  readonly signal: AbortSignal;
}): Promise<ClusterSystem> {
  const { folder, namespaces, signal } = options;
  if (!buildBundles({ isCompact: false })) throw new Error('The processes were not bundled');
  const stack = await startCluster({
    folder: join(folder, 'servers'),
    ...{ profile: 'compact', portOffset: PORT_OFFSET, namespaces, report: console.log, signal, source: {} },
  });
  const runners: ProcessRunner[] = [];
  async function stop() {
    await Promise.all(runners.map((runner) => runner.stop()));
    await stack.stop();
  }
  try {
    const environment = { ...process.env, ...stack.environment };
    console.log(`${await migrateAll(environment, signal)} databases are up to date`);
    const missing = await startMachines(stack, {
      ...{ hosts: HOSTS, folder, runners, report: console.log, signal },
    });
    if (missing.length > 0) throw new Error(`Not ready: ${missing.join(', ')} (logs in ${folder}/logs)`);
    return { stack, urls: [gatewayUrl(HOSTS[0]), gatewayUrl(HOSTS[1])], stop };
  } catch (failure) {
    await stop();
    throw failure;
  }
}

/** What scripts need to reach the servers of the system. */
export const environmentOf = ({ stack }: ClusterSystem) => ({ ...process.env, ...stack.environment });

/** Queries the database of a service. */
export async function queryDatabase<Result>(
  system: ClusterSystem,
  service: string,
  query: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const pool = createMysqlPool(databaseOf(service, environmentOf(system)), 2);
  try {
    return await query(pool);
  } finally {
    await pool.end();
  }
}
