import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { releaseMemoryWhenIdle } from '#kit/core/idle-memory';
import { type ClusterStack, startCluster } from '../infra/cluster/start';
import { FolderInUse, lockFolder, ownerOf } from '../infra/folder-lock';
import { installServers } from '../infra/install';
import { isPortFree } from '../infra/ports';
import { markOf, stopProcessesOf } from '../infra/processes';
import { listenForShutdown, untilAborted } from '../infra/shutdown-signals';
import { clearState, DEVELOPMENT_FOLDER, writeState } from '../infra/state';
import { migrateAll } from './migrate';
import { waitForGateway } from './processes/gateway-readiness';
import { createScreen } from './processes/log';
import { type ProcfileEntry, parseProcfile, servicesOf } from './processes/procfile';
import { type ProcessRunner, runProcesses } from './processes/runner';
import { clearSystemState, readSystemState, writeSystemState } from './processes/system-state';
import { startInBackground } from './up/background';
import { MACHINES, processesOn } from './up/machines';
import { buildBundles, prepareEnvironment } from './up/prepare';
import { GATEWAY_PORT, REGISTRY_PORT, welcome } from './up/welcome';

const ROOT = join(import.meta.dir, '..');
const LOG_FOLDER = join(DEVELOPMENT_FOLDER, 'logs');
/** Beside the data of `make up`, which a cluster neither reads nor changes. */
const DATA_FOLDER = join(DEVELOPMENT_FOLDER, 'cluster');
/** How long the next service may take; on a busy machine they start one after the other. */
const READY_STALL_MS = 300_000;
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
  return options.detach ? background(options) : foreground(options);
}

async function foreground(options: Options): Promise<number> {
  const shutdown = listenForShutdown();
  // `make up` and `make down` find a running cluster as they find a running system.
  const unlock = lockFolder(DEVELOPMENT_FOLDER);
  const runners: ProcessRunner[] = [];
  let stack: ClusterStack | undefined;
  try {
    console.log('Starting three MariaDB, six Redis, three RabbitMQ and three beanstalkd');
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
    if (!(await startMachines(stack, { ...options, runners, signal: shutdown.signal })))
      return shutdown.signal.aborted ? 0 : 1;
    console.log(welcome(stack.environment, process.env));
    console.log(
      `Also: gateway http://${MACHINES[1]}:${GATEWAY_PORT}/. Further: \`make seed\` adds people and posts.\n`,
    );
    writeSystemState({ ready: true, processes: runners.flatMap((runner) => runner.states()) });
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

/**
 * Starts the registries, and one machine after the other: all at once would share few cores, and each would take as long as
 * all of them.
 *
 * @returns whether both gateways list all instances as up
 */
async function startMachines(
  stack: ClusterStack,
  options: Options & { readonly runners: ProcessRunner[]; readonly signal: AbortSignal },
): Promise<boolean> {
  const { runners, signal } = options;
  const procfile = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'));
  const machines = MACHINES.map((_, machine) => processesOn(machine, procfile, stack.identityFile));
  const isRegistry = ({ name }: ProcfileEntry) => name.startsWith('registry-');
  const steps = [
    machines.flat().filter(isRegistry),
    ...machines.map((entries) => entries.filter((entry) => !isRegistry(entry))),
  ];
  for (const [number, entries] of steps.entries()) {
    if (entries.length === 0) continue;
    console.log(
      number === 0
        ? 'Starting three registries'
        : `Starting ${entries.length} processes on machine ${number}`,
    );
    runners.push(runEntries(entries, stack, options));
    if (number === 0) continue;
    const missing = await waitForGateway({
      url: `http://${MACHINES[number - 1]}:${GATEWAY_PORT}/`,
      services: servicesOf(procfile),
      instances: number,
      stallMs: READY_STALL_MS,
      isFailed: () =>
        runners.some((runner) => runner.states().some(({ state }) => state === 'misconfigured')),
      signal,
    });
    if (signal.aborted) return false;
    if (missing.length > 0) {
      console.error(
        `Not ready behind the gateway: ${missing.join(', ')}. See the reason with: make logs s=<name>-${number}`,
      );
      return false;
    }
  }
  return true;
}

function runEntries(
  entries: readonly ProcfileEntry[],
  stack: ClusterStack,
  { quiet, runners }: Options & { readonly runners: readonly ProcessRunner[] },
): ProcessRunner {
  return runProcesses({
    entries,
    folder: ROOT,
    environment: {
      ...stack.processEnvironment,
      ...markOf(DEVELOPMENT_FOLDER),
      REGISTRY_URL: MACHINES.map((host) => `http://${host}:${REGISTRY_PORT}`).join(','),
      // With the operator's credentials: the registry has no identity.
      REGISTRY_REDIS_URL: stack.environment.REDIS_URL ?? '',
      GATEWAY_WORKERS: '2',
    },
    logFolder: LOG_FOLDER,
    show: quiet ? () => undefined : createScreen(entries.map(({ name }) => name)),
    onChange: () =>
      writeSystemState({
        ready: readSystemState()?.ready ?? false,
        processes: runners.flatMap((runner) => runner.states()),
      }),
  });
}

/** Runs this script again in a session of its own until the system is ready. */
async function background({ namespaces }: Options): Promise<number> {
  clearSystemState();
  console.log('Starting in the background');
  const isUp = await startInBackground({
    command: [process.execPath, import.meta.path, '--quiet', ...(namespaces ? ['--namespaces'] : [])],
    folder: ROOT,
    logFolder: LOG_FOLDER,
    isReady: () => readSystemState()?.ready === true,
    show: (text) => process.stdout.write(text),
  });
  if (!isUp) console.error('Rookery failed to start, see above');
  return isUp ? 0 : 1;
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
