import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { markOf, until } from '../../infra/processes';
import { type Stack, startStack } from '../../infra/stack';
import { waitForGateway } from '../../scripts/processes/gateway-readiness';
import { type ProcfileEntry, parseProcfile, servicesOf } from '../../scripts/processes/procfile';
import type { Measured } from './processor-time';

const ROOT = join(import.meta.dir, '..', '..');
const START_MS = 120_000;
const READY_STALL_MS = 240_000;
/** Different from those of development, of the tests and of the other benchmarks. */
const PORT_OFFSET = 16_000;

/** Enabled as in production, but above the load. */
const SETTINGS = {
  NODE_ENV: 'development',
  HOST: '127.0.0.1',
  PORT: '0',
  RATE_LIMIT_PER_MINUTE: '60000000',
};

export interface RunningSystem {
  /** The gateway's address. */
  readonly url: string;
  readonly stack: Stack;
  /** The processes and servers of the system. */
  processes(): Measured[];
  stop(): Promise<void>;
}

/** The servers, with the data of an earlier run in a folder that is kept. */
export interface Servers {
  readonly folder: string;
  readonly stack: Stack;
  /** Stops the servers, and deletes the folder unless it is kept. */
  stop(): Promise<void>;
}

/**
 * Starts the servers with the durability of `make up`.
 *
 * @param options.kept a folder to keep the data in; a temporary one by default
 * @param options.only starts these servers; all by default
 */
export async function startServers(options: {
  kept: string | undefined;
  only?: readonly string[];
}): Promise<Servers> {
  const folder =
    options.kept === undefined ? mkdtempSync(join(tmpdir(), 'rookery-bench-')) : resolve(options.kept);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stack = await startStack({
    folder,
    profile: 'development',
    portOffset: PORT_OFFSET,
    source: {},
    ...(options.only && { only: options.only }),
  });
  return {
    folder,
    stack,
    async stop() {
      await stack.stop();
      if (options.kept === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts processes of the Procfile on the servers, each as its line says but on a free port, and waits until the gateway has
 * discovered every service. They write to log files, as behind a process manager.
 *
 * @param options.names in the Procfile; all by default
 * @param options.environment further settings of every process
 */
export async function startProcesses(
  { folder, stack }: Servers,
  options: { names?: readonly string[] | undefined; environment?: Record<string, string> },
): Promise<RunningSystem> {
  const { names, environment = {} } = options;
  const entries = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).filter(
    ({ name }) => name !== 'infra' && (names === undefined || names.includes(name)),
  );
  const started: { name: string; child: Bun.Subprocess }[] = [];
  const shared: Record<string, string> = {
    ...SETTINGS,
    ...stack.processEnvironment,
    ...markOf(folder),
    ...environment,
  };

  async function start(entry: ProcfileEntry): Promise<string> {
    const { name, command } = entry;
    const log = join(folder, 'logs', `${name}.log`);
    const file = openSync(log, 'w', 0o600);
    const child = Bun.spawn(mainOf(entry), {
      cwd: ROOT,
      env: { ...process.env, ...shared, ...identityOf(name) },
      stdio: ['ignore', file, file],
    });
    closeSync(file);
    started.unshift({ name, child });
    let address: string | undefined;
    await until(() => {
      address = /listening on (https?:\/\/[^"\s]+)/.exec(readFileSync(log, 'utf8'))?.[1];
      return address !== undefined || child.exitCode !== null;
    }, START_MS);
    if (address === undefined) throw new Error(`${command} did not start:\n${readFileSync(log, 'utf8')}`);
    return address;
  }

  /** The registry has none. */
  function identityOf(name: string): Record<string, string> {
    const file = stack.identityFile(name);
    return existsSync(file) ? { IDENTITY_FILE: file } : {};
  }

  async function stop() {
    for (const { child } of started) child.kill('SIGTERM');
    await Promise.all(started.map(({ child }) => child.exited));
  }

  try {
    const registry = entries.find(({ name }) => name === 'registry');
    if (registry !== undefined) shared.REGISTRY_URL = await start(registry);
    const addresses = new Map<string, string>();
    await Promise.all(
      entries
        .filter((entry) => entry !== registry)
        .map(async (entry) => addresses.set(entry.name, await start(entry))),
    );
    const url = addresses.get('gateway') ?? [...addresses.values()][0] ?? '';
    await requireReady(url, entries);
    return {
      url,
      stack,
      processes: () => [
        ...started.map(({ name, child }) => ({ name, pid: child.pid })),
        ...stack.servers.flatMap((server) => serverOf(server.name, server.pid())),
      ],
      stop,
    };
  } catch (failure) {
    await stop();
    throw failure;
  }
}

const serverOf = (name: string, pid: number | undefined): Measured[] =>
  // The mail catcher runs in the process that starts the servers: this one, whose children are all others.
  pid === undefined || pid === process.pid ? [] : [{ name, pid }];

/** The command of a Procfile line without its settings, which are those of development. */
function mainOf({ name, command }: ProcfileEntry): string[] {
  const main = /\bbun (\S+)/.exec(command)?.[1];
  if (main === undefined) throw new Error(`The line of ${name} in the Procfile does not start Bun`);
  return [process.execPath, join(ROOT, main)];
}

async function requireReady(url: string, entries: readonly ProcfileEntry[]): Promise<void> {
  const missing = await waitForGateway({
    url,
    services: servicesOf(entries),
    stallMs: READY_STALL_MS,
    isFailed: () => false,
    signal: new AbortController().signal,
  });
  if (missing.length > 0) throw new Error(`Not ready behind the gateway: ${missing.join(', ')}`);
}
