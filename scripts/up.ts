import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FolderInUse, ownerOf } from '../infra/folder-lock';
import { installServers } from '../infra/install';
import { isPortFree } from '../infra/ports';
import { markOf, stopProcessesOf, until } from '../infra/processes';
import { listenForShutdown, untilAborted } from '../infra/shutdown-signals';
import { type Stack, startStack } from '../infra/stack';
import { clearState, DEVELOPMENT_FOLDER, readState, writeState } from '../infra/state';
import { DEMO_PERSON } from './demo-people';
import { createEnvironmentFile } from './environment-file';
import { waitForGateway } from './gateway-readiness';
import { migrateAll } from './migrate';
import { createScreen } from './process-log';
import { type ProcessRunner, runProcesses } from './process-runner';
import { parseProcfile, servicesOf } from './procfile';
import { clearSystemState, readSystemState, writeSystemState } from './system-state';

const ROOT = join(import.meta.dir, '..');
const GATEWAY_PORT = 8080;
const REGISTRY_PORT = 8006;
const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}/`;
const READY_TIMEOUT_MS = 120_000;
const LEFT_BEHIND_GRACE_MS = 20_000;
const SEEDED = join(DEVELOPMENT_FOLDER, 'seeded');

/** Starts the whole system and stays until Ctrl-C or `make down`; with `--detach` it stays in the background. */
async function main(options: { detach: boolean; watch: boolean }): Promise<number> {
  const owner = ownerOf(DEVELOPMENT_FOLDER);
  if (owner !== undefined) {
    console.log(`Rookery runs already, as process ${owner}: ${GATEWAY_URL} (make down stops it)`);
    return 0;
  }
  const left = await stopProcessesOf(DEVELOPMENT_FOLDER, { graceMs: LEFT_BEHIND_GRACE_MS });
  if (left > 0) console.log(`Ended ${left} processes an earlier run left behind`);
  for (const port of [GATEWAY_PORT, REGISTRY_PORT]) {
    if (await isPortFree(port)) continue;
    console.error(
      `Another program listens on port ${port}, which Rookery needs: end it first (ss -ltnp shows it)`,
    );
    return 1;
  }
  if (createEnvironmentFile(join(ROOT, '.env'))) console.log('Made .env with secrets of this machine’s own');
  if (!installServers()) return 1;
  if (!options.watch && !makeBundles()) return 1;
  return options.detach ? detach(options.watch) : foreground(options.watch);
}

/** In a process of its own, whose memory is given back. */
const makeBundles = () =>
  Bun.spawnSync([process.execPath, join(ROOT, 'scripts', 'build.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  }).exitCode === 0;

async function foreground(watch: boolean): Promise<number> {
  const asked = listenForShutdown();
  console.log('Starting the servers');
  const stack = await startStack({
    folder: DEVELOPMENT_FOLDER,
    profile: 'development',
    report: console.log,
    onRestart: writeState,
    signal: asked.signal,
  });
  let runner: ProcessRunner | undefined;
  try {
    writeState(stack);
    if (!asked.signal.aborted) {
      const databases = await migrateAll({ ...process.env, ...stack.environment }, asked.signal);
      console.log(`${databases} databases are at their newest migration`);
      runner = startEverything(stack, watch);
      asked.again = () => runner?.stop();
      if (!(await becomeReady(stack, runner, asked.signal))) return asked.signal.aborted ? 0 : 1;
      await untilAborted(asked.signal);
    }
    return 0;
  } finally {
    console.log('Stopping: processes drain, then the servers end (Ctrl-C again: at once)');
    clearSystemState();
    await runner?.stop();
    await stack.stop();
    clearState();
    console.log('All has stopped');
  }
}

function startEverything(stack: Stack, watch: boolean): ProcessRunner {
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

/** Bundles take less memory and start faster than sources. */
const bundled = (command: string) => command.replace(/\bbun (\S+)\/main\.ts\b/, 'bun dist/$1/main.js');

/** The servers are started here already: the Procfile's own line for them is for foreman and overmind. */
const readProcfile = () =>
  parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).filter(({ name }) => name !== 'infra');

async function becomeReady(stack: Stack, runner: ProcessRunner, signal: AbortSignal): Promise<boolean> {
  const services = servicesOf(readProcfile());
  const missing = await waitForGateway({
    url: GATEWAY_URL,
    services,
    timeoutMs: READY_TIMEOUT_MS,
    hopeless: () => runner.states().some(({ state }) => state === 'misconfigured'),
    signal,
  });
  if (signal.aborted) return false;
  if (missing.length > 0) {
    console.error(`Not answering through the gateway: ${missing.join(', ')} (make logs s=<name> shows why)`);
    return false;
  }
  if (!(await seedOnce(stack))) return false;
  writeSystemState({ ready: true, processes: runner.states() });
  console.log(welcome(stack));
  return true;
}

async function seedOnce(stack: Stack): Promise<boolean> {
  const script = join(ROOT, 'scripts', 'seed.ts');
  if (existsSync(SEEDED) || !existsSync(script)) return true;
  console.log('Filling the new system with people and posts (once)');
  const seed = Bun.spawn([process.execPath, script], {
    cwd: ROOT,
    env: { ...process.env, ...stack.environment, ...markOf(DEVELOPMENT_FOLDER) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if ((await seed.exited) === 0) {
    writeFileSync(SEEDED, `${new Date().toISOString()}\n`);
    return true;
  }
  console.error('Seeding failed (see above); the next `make up` tries again');
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
    'Next: `make demo` walks through the main story, `make ps` shows the processes,',
    '`make logs s=users` follows one, `make help` lists the rest. Ctrl-C or `make down` stops all of it.',
    '',
  ].join('\n');
}

/** Starts this script anew in a session of its own and waits until that says it is ready. */
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
    console.error(`It did not come up; ${logFile} ends with:`);
    console.error(readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n'));
    return 1;
  }
  console.log(`Rookery is up in the background: ${GATEWAY_URL} (make down stops it)`);
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
