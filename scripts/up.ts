import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FolderInUse, ownerOf } from '../infra/folder-lock';
import { installServers } from '../infra/install';
import { isPortFree } from '../infra/ports';
import { markOf, stopProcessesOf, until } from '../infra/processes';
import { listenForShutdown, untilAborted } from '../infra/shutdown-signals';
import { type Stack, startStack } from '../infra/stack';
import { clearState, DEVELOPMENT_FOLDER, readState, writeState } from '../infra/state';
import { DEMO_PERSON } from './demo/people';
import { migrateAll } from './migrate';
import { createEnvironmentFile } from './processes/environment-file';
import { waitForGateway } from './processes/gateway-readiness';
import { createScreen } from './processes/log';
import { parseProcfile, servicesOf } from './processes/procfile';
import { type ProcessRunner, runProcesses } from './processes/runner';
import { clearSystemState, readSystemState, writeSystemState } from './processes/system-state';

const ROOT = join(import.meta.dir, '..');
const GATEWAY_PORT = 8080;
const REGISTRY_PORT = 8006;
const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}/`;
const READY_TIMEOUT_MS = 120_000;
const ORPHAN_GRACE_MS = 20_000;
const SEEDED_MARKER = join(DEVELOPMENT_FOLDER, 'seeded');

/** Starts the whole system and runs until Ctrl-C or `make down`; with `--detach` in the background. */
async function main(options: { detach: boolean; watch: boolean }): Promise<number> {
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
  if (createEnvironmentFile(join(ROOT, '.env'))) console.log('Created .env with generated secrets');
  if (!installServers()) return 1;
  if (!options.watch && !buildBundles()) return 1;
  return options.detach ? detach(options.watch) : foreground(options.watch);
}

/** In a child process, so that its memory is released. */
const buildBundles = () =>
  Bun.spawnSync([process.execPath, join(ROOT, 'scripts', 'build.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  }).exitCode === 0;

async function foreground(watch: boolean): Promise<number> {
  const shutdown = listenForShutdown();
  console.log('Starting the servers');
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: 'development',
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
      runner = startProcesses(stack, watch);
      shutdown.again = () => runner?.stop();
      if (!(await becomeReady(stack, runner, shutdown.signal))) return shutdown.signal.aborted ? 0 : 1;
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

function startProcesses(stack: Stack, watch: boolean): ProcessRunner {
  const entries = readProcfile().map((entry) => ({
    ...entry,
    command: watch ? entry.command.replace(/\bbun /, 'bun --watch ') : bundled(entry.command),
  }));
  console.log(`Starting ${entries.length} processes`);
  return runProcesses({
    entries,
    folder: ROOT,
    environment: { ...stack.environment, ...markOf(DEVELOPMENT_FOLDER) },
    logFolder: join(DEVELOPMENT_FOLDER, 'logs'),
    show: createScreen(entries.map(({ name }) => name)),
    onChange: (processes) => writeSystemState({ ready: readSystemState()?.ready ?? false, processes }),
  });
}

/** Bundles use less memory and start faster than sources. */
const bundled = (command: string) => command.replace(/\bbun (\S+)\/main\.ts\b/, 'bun dist/$1/main.js');

/** Without the servers, which are running already: their Procfile line is for foreman and overmind. */
const readProcfile = () =>
  parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).filter(({ name }) => name !== 'infra');

async function becomeReady(stack: Stack, runner: ProcessRunner, signal: AbortSignal): Promise<boolean> {
  const services = servicesOf(readProcfile());
  const missing = await waitForGateway({
    url: GATEWAY_URL,
    services,
    timeoutMs: READY_TIMEOUT_MS,
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
  if (!(await seedOnce(stack))) return false;
  writeSystemState({ ready: true, processes: runner.states() });
  console.log(welcome(stack));
  return true;
}

async function seedOnce(stack: Stack): Promise<boolean> {
  const script = join(ROOT, 'scripts', 'seed.ts');
  if (existsSync(SEEDED_MARKER) || !existsSync(script)) return true;
  console.log('Seeding the new system with people and posts (once)');
  const seed = Bun.spawn([process.execPath, script], {
    cwd: ROOT,
    env: { ...process.env, ...stack.environment, ...markOf(DEVELOPMENT_FOLDER) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if ((await seed.exited) === 0) {
    writeFileSync(SEEDED_MARKER, `${new Date().toISOString()}\n`);
    return true;
  }
  console.error('Seeding failed, see above; the next `make up` retries it');
  return false;
}

function welcome(stack: Stack): string {
  const inbox = stack.environment.MAIL_INBOX_URL;
  return [
    '',
    'Rookery is up.',
    `  gateway   ${GATEWAY_URL}`,
    `  docs      ${GATEWAY_URL}docs`,
    `  registry  http://127.0.0.1:${REGISTRY_PORT}/services`,
    ...(inbox === undefined ? [] : [`  mail      ${inbox}`]),
    `  sign in   ${DEMO_PERSON.username} / ${DEMO_PERSON.password}`,
    '',
    'Next: `make demo` runs the main workflow, `make ps` lists the processes,',
    '`make logs s=users` follows a log, `make help` lists all targets. Ctrl-C or `make down` stops everything.',
    '',
  ].join('\n');
}

/** Runs this script again in a session of its own and waits until the system is ready. */
async function detach(watch: boolean): Promise<number> {
  mkdirSync(join(DEVELOPMENT_FOLDER, 'logs'), { recursive: true });
  const logFile = join(DEVELOPMENT_FOLDER, 'logs', 'up.log');
  const log = openSync(logFile, 'w');
  clearSystemState();
  console.log('Starting in the background');
  const child = Bun.spawn([process.execPath, import.meta.path, ...(watch ? ['--watch'] : [])], {
    cwd: ROOT,
    stdio: ['ignore', log, log],
    detached: true,
  });
  child.unref();
  await until(() => child.exitCode !== null || readSystemState()?.ready === true, READY_TIMEOUT_MS * 2);
  const stack = readState();
  if (child.exitCode !== null || readSystemState()?.ready !== true) {
    console.error(`Rookery failed to start. The end of ${logFile}:`);
    console.error(readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n'));
    return 1;
  }
  console.log(`Rookery is running in the background: ${GATEWAY_URL} (make down stops it)`);
  if (stack?.environment.MAIL_INBOX_URL !== undefined)
    console.log(`Mail: ${stack.environment.MAIL_INBOX_URL}`);
  return 0;
}

try {
  process.exitCode = await main({
    detach: process.argv.includes('--detach'),
    watch: process.argv.includes('--watch'),
  });
} catch (failure) {
  console.error(
    failure instanceof FolderInUse || !(failure instanceof Error) ? String(failure) : failure.message,
  );
  process.exitCode = 1;
}
