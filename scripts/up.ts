import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { releaseMemoryWhenIdle } from '#kit/core/idle-memory';
import { FolderInUse, ownerOf } from '../infra/folder-lock';
import { installServers } from '../infra/install';
import { isPortFree } from '../infra/ports';
import { markOf, stopProcessesOf } from '../infra/processes';
import { listenForShutdown, untilAborted } from '../infra/shutdown-signals';
import { type Stack, startStack } from '../infra/stack';
import { clearState, DEVELOPMENT_FOLDER, writeState } from '../infra/state';
import { migrateAll } from './migrate';
import { waitForGateway } from './processes/gateway-readiness';
import { createScreen } from './processes/log';
import { parseProcfile, programsIn, servicesOf } from './processes/procfile';
import { type ProcessRunner, runProcesses } from './processes/runner';
import { clearSystemState, isSeeded, readSystemState, writeSystemState } from './processes/system-state';
import { buildBundles, prepareEnvironment } from './up/prepare';
import { seedOnce } from './up/seed-once';
import { startSystemInBackground } from './up/system-in-background';
import { GATEWAY_PORT, GATEWAY_URL, REGISTRY_PORT, welcome } from './up/welcome';

const ROOT = join(import.meta.dir, '..');
/** How long the next service may take; they start at the same time, on a busy machine one after the other. */
const READY_STALL_MS = 240_000;
const ORPHAN_GRACE_MS = 20_000;
const LOG_FOLDER = join(DEVELOPMENT_FOLDER, 'logs');
/** Exists once the system has been started. */
const DATABASE = join(DEVELOPMENT_FOLDER, 'mariadb', 'data');

/** `full`: each program in a process of its own; `compact`: all in one, and small servers. */
type Profile = 'full' | 'compact';

interface Options {
  /** In the background. */
  readonly detach: boolean;
  /** From the sources, restarted on changes. */
  readonly watch: boolean;
  /** Without the output of the processes, which have logs of their own. */
  readonly quiet: boolean;
  readonly profile: Profile;
}

/** Starts the whole system and runs until Ctrl-C or `make down`. */
async function main(options: Options): Promise<number> {
  const owner = ownerOf(DEVELOPMENT_FOLDER);
  if (owner !== undefined) {
    console.log(`Rookery is already running as process ${owner}: ${GATEWAY_URL} (make down stops it)`);
    return 0;
  }
  const orphans = await stopProcessesOf(DEVELOPMENT_FOLDER, { graceMs: ORPHAN_GRACE_MS });
  if (orphans > 0) console.log(`Stopped ${orphans} processes of an earlier run`);
  for (const port of [GATEWAY_PORT, REGISTRY_PORT]) {
    if (await isPortFree(port)) continue;
    console.error(`Port ${port} is in use by another program. Stop it first (find it with: ss -ltnp).`);
    return 1;
  }
  prepareEnvironment({ isNew: !isSeeded(DEVELOPMENT_FOLDER) && !existsSync(DATABASE) });
  if (!installServers()) return 1;
  if (!options.watch && !buildBundles({ isCompact: options.profile === 'compact' })) return 1;
  return options.detach
    ? startSystemInBackground(import.meta.path, [
        `--profile=${options.profile}`,
        ...(options.watch ? ['--watch'] : []),
      ])
    : foreground(options);
}

async function foreground(options: Options): Promise<number> {
  const shutdown = listenForShutdown();
  console.log('Starting the servers');
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: options.profile === 'compact' ? 'compact' : 'development',
    report: console.log,
    onRestart: writeState,
    signal: shutdown.signal,
  });
  let runner: ProcessRunner | undefined;
  try {
    writeState(stack);
    if (!shutdown.signal.aborted) {
      const databases = await migrateAll({ ...process.env, ...stack.environment }, shutdown.signal);
      console.log(`${databases} databases are up to date`);
      runner = startProcesses(stack, options);
      shutdown.again = () => runner?.stop();
      if (!(await becomeReady(stack, runner, shutdown.signal))) return shutdown.signal.aborted ? 0 : 1;
      // From now on it only forwards logs.
      releaseMemoryWhenIdle(shutdown.signal);
      await untilAborted(shutdown.signal);
    }
    return 0;
  } finally {
    console.log(
      'Shutting down: draining the processes, then stopping the servers (Ctrl-C again: immediately)',
    );
    clearSystemState();
    await runner?.stop();
    await stack.stop();
    clearState();
    console.log('Stopped');
  }
}

function startProcesses(stack: Stack, { watch, quiet, profile }: Options): ProcessRunner {
  const programs = programsIn(readProcfile('Procfile')).map(({ name }) => name);
  const processes = profile === 'compact' ? readProcfile('Procfile.compact') : readProcfile('Procfile');
  const entries = processes
    // Started already: its line is for foreman and overmind.
    .filter(({ name }) => name !== 'infra')
    .map((entry) => ({
      ...entry,
      command: watch ? entry.command.replace(/\bbun /, 'bun --watch ') : bundled(entry.command, profile),
      ...(profile === 'compact' && { programs }),
    }));
  console.log(
    `Starting ${programs.length} programs in ${entries.length === 1 ? 'one process' : 'processes of their own'}`,
  );
  return runProcesses({
    entries,
    folder: ROOT,
    environment: { ...stack.processEnvironment, ...markOf(DEVELOPMENT_FOLDER) },
    logFolder: LOG_FOLDER,
    show: quiet ? () => undefined : createScreen([...programs, ...entries.map(({ name }) => name)]),
    onChange: (states) => writeSystemState({ ready: readSystemState()?.ready ?? false, processes: states }),
  });
}

/** Bundles use less memory and start faster than sources. */
const bundled = (command: string, profile: Profile) =>
  command.replace(
    /\bbun (\S+)\/main\.ts\b/,
    `bun ${profile === 'compact' ? 'dist/compact' : 'dist'}/$1/main.js`,
  );

const readProcfile = (name: string) => parseProcfile(readFileSync(join(ROOT, name), 'utf8'));

async function becomeReady(stack: Stack, runner: ProcessRunner, signal: AbortSignal): Promise<boolean> {
  const services = servicesOf(readProcfile('Procfile'));
  const missing = await waitForGateway({
    url: GATEWAY_URL,
    services,
    stallMs: READY_STALL_MS,
    isFailed: () => runner.states().some(({ state }) => state === 'misconfigured'),
    signal,
  });
  if (signal.aborted) return false;
  if (missing.length > 0) {
    console.error(
      `Not ready behind the gateway: ${missing.join(', ')}. See the reason with: make logs s=<name>`,
    );
    return false;
  }
  if (!(await seedOnce(stack, { folder: DEVELOPMENT_FOLDER, command: 'make up' }))) return false;
  console.log(welcome(stack.environment, process.env));
  writeSystemState({ ready: true, processes: runner.states() });
  return true;
}

function profileOf(name: string): Profile {
  if (name === 'full' || name === 'compact') return name;
  throw new Error('The profile is full or compact: make up profile=compact');
}

const { values: options } = parseArgs({
  options: {
    detach: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'full' },
  },
});
try {
  process.exitCode = await main({ ...options, profile: profileOf(options.profile) });
} catch (failure) {
  console.error(
    failure instanceof FolderInUse || !(failure instanceof Error) ? String(failure) : failure.message,
  );
  process.exitCode = 1;
}
