import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { releaseMemoryWhenIdle } from '#kit/core/idle-memory';
import { type ClusterStack, startCluster } from '../../infra/cluster/start';
import { FolderInUse, lockFolder, ownerOf } from '../../infra/folder-lock';
import { installServers } from '../../infra/install';
import { isPortFree } from '../../infra/ports';
import { stopProcessesOf } from '../../infra/processes';
import { listenForShutdown, untilAborted } from '../../infra/shutdown-signals';
import { clearState, DEVELOPMENT_FOLDER, writeState } from '../../infra/state';
import { migrateAll } from '../migrate';
import { createScreen } from '../processes/log';
import type { ProcessRunner } from '../processes/runner';
import { clearSystemState, readSystemState, writeSystemState } from '../processes/system-state';
import { namesOnMachines, startMachines } from './machines';
import { buildBundles, prepareEnvironment } from './prepare';
import { seedOnce } from './seed-once';
import { startSystemInBackground } from './system-in-background';
import { GATEWAY_PORT, REGISTRY_PORT, welcome } from './welcome';

/** The loopback addresses of the machines that the cluster stands for. */
const MACHINES = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
/** Beside the data of `make up`, which a cluster neither reads nor changes. */
const DATA_FOLDER = join(DEVELOPMENT_FOLDER, 'cluster');
const ORPHAN_GRACE_MS = 20_000;

interface Options {
  readonly quiet: boolean;
  readonly namespaces: boolean;
}

/** Starts the system as on three machines, on clusters of its servers, and runs until Ctrl-C or `make down`. */
async function main(options: Options & { readonly detach: boolean }): Promise<number> {
  const owner = ownerOf(DEVELOPMENT_FOLDER);
  if (owner !== undefined) {
    console.log(`Rookery is already running as process ${owner} (make down stops it)`);
    return 0;
  }
  const orphans = await stopProcessesOf(DEVELOPMENT_FOLDER, { graceMs: ORPHAN_GRACE_MS });
  if (orphans > 0) console.log(`Stopped ${orphans} processes of an earlier run`);
  for (const port of [GATEWAY_PORT, REGISTRY_PORT])
    for (const host of MACHINES)
      if (!(await isPortFree(port, host))) {
        console.error(`Port ${port} of ${host} is in use by another program. Stop it first (ss -ltnp).`);
        return 1;
      }
  prepareEnvironment({ isNew: false });
  if (!installServers('cluster') || !buildBundles({ isCompact: false })) return 1;
  return options.detach
    ? startSystemInBackground(import.meta.path, options.namespaces ? ['--namespaces'] : [])
    : foreground(options);
}

async function foreground(options: Options): Promise<number> {
  const shutdown = listenForShutdown();
  // `make up` and `make down` find a running cluster as they find a running system.
  const unlock = lockFolder(DEVELOPMENT_FOLDER);
  const runners: ProcessRunner[] = [];
  const saveState = ({ ready }: { ready: boolean }) =>
    writeSystemState({ ready, processes: runners.flatMap((runner) => runner.states()) });
  let stack: ClusterStack | undefined;
  try {
    console.log('Starting three MariaDB, six Redis, three RabbitMQ, three beanstalkd and a store of files');
    stack = await startCluster({
      folder: DATA_FOLDER,
      profile: 'compact',
      namespaces: options.namespaces,
      report: console.log,
      signal: shutdown.signal,
    });
    writeState(stack);
    const databases = await migrateAll({ ...process.env, ...stack.environment }, shutdown.signal);
    console.log(`${databases} databases are up to date`);
    shutdown.again = () => void Promise.all(runners.map((runner) => runner.stop()));
    const missing = await startMachines(stack, {
      hosts: MACHINES,
      folder: DEVELOPMENT_FOLDER,
      runners,
      report: console.log,
      ...(!options.quiet && { show: createScreen(namesOnMachines()) }),
      onChange: () => saveState({ ready: readSystemState()?.ready ?? false }),
      signal: shutdown.signal,
    });
    if (shutdown.signal.aborted) return 0;
    if (missing.length > 0) {
      console.error(`Not ready: ${missing.join(', ')}. See the reason with: make logs s=<name>-1`);
      return 1;
    }
    if (!(await seedOnce(stack, { folder: DATA_FOLDER, command: 'make cluster' }))) return 1;
    console.log(
      welcome(stack.environment, process.env, {
        gateways: MACHINES.slice(0, 2),
        registries: MACHINES,
        process: 'users-1',
      }),
    );
    saveState({ ready: true });
    releaseMemoryWhenIdle(shutdown.signal);
    await untilAborted(shutdown.signal);
    return 0;
  } finally {
    console.log(
      'Shutting down: draining the processes, then stopping the servers (Ctrl-C again: immediately)',
    );
    clearSystemState();
    await Promise.all(runners.map((runner) => runner.stop()));
    await stack?.stop();
    clearState();
    unlock();
    console.log('Stopped');
  }
}

const { values: options } = parseArgs({
  options: {
    detach: { type: 'boolean', default: false },
    namespaces: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});
try {
  process.exitCode = await main(options);
} catch (failure) {
  console.error(
    failure instanceof FolderInUse || !(failure instanceof Error) ? String(failure) : failure.message,
  );
  process.exitCode = 1;
}
