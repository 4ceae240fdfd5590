import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { markOf } from '../../infra/processes';
import { type Stack, startStack } from '../../infra/stack';
import { parseProcfile } from '../../scripts/processes/procfile';
import { inParallel } from '../../scripts/seed/in-parallel';
import { eventually } from './eventually';
import { type StartedProcess, startProcess } from './processes';

const ROOT = join(import.meta.dir, '..', '..');
/** The slowest case is a lease without heartbeats, which is removed after half a minute. */
const DISCOVERY_MS = 60_000;
/** All at once would share few cores, and each would take as long as all of them. */
const STARTING_AT_ONCE = 8;
/** Different from the shared test stack, whose servers must not be killed; systems of different names are kept apart. */
const portOffsetOf = (name: string) => 4_000 + (Bun.hash.crc32(name) % 40) * 100;

export interface System {
  /** The gateway's address. */
  readonly url: string;
  readonly stack: Stack;
  /** Contains the data of its servers. */
  readonly folder: string;
  /** The running instances of a process, by its Procfile name. */
  instances(name: string): StartedProcess[];
  /** The only instance of a process. */
  process(name: string): StartedProcess;
  /** Starts another instance. */
  start(name: string): Promise<StartedProcess>;
  /** Kills the running instances and starts one. */
  killAndStart(name: string): Promise<StartedProcess>;
  /** Starts what a test has left dead, and stops additional instances: one of each process runs afterwards. */
  mend(): Promise<void>;
  /** Starts another instance and, once the gateway has discovered it, stops the old one. */
  replace(name: string): Promise<StartedProcess>;
  stop(): Promise<void>;
}

/**
 * Starts the processes of the Procfile on servers of their own that a test may kill.
 *
 * @param name distinguishes the folders of two systems
 * @param environment for every process; may depend on the servers
 * @param only starts these processes; all by default
 * @param prepare is called with the empty servers, before any process starts
 */
export async function startSystem(
  name: string,
  environment: Record<string, string> | ((stack: Stack) => Record<string, string>) = {},
  only?: readonly string[],
  prepare: (stack: Stack) => Promise<void> = async () => undefined,
): Promise<System> {
  const folder = join(ROOT, '.data', `system-${name}`);
  const stack = await startStack({ folder, profile: 'test', portOffset: portOffsetOf(name), source: {} });
  const entries = parseProcfile(await Bun.file(join(ROOT, 'Procfile')).text()).filter(
    (entry) => entry.name !== 'infra' && (only === undefined || only.includes(entry.name)),
  );
  const running = new Map<string, StartedProcess[]>(entries.map((entry) => [entry.name, []]));
  const own = typeof environment === 'function' ? environment(stack) : environment;
  // The mark lets the next user of the folder stop the orphans of an interrupted test.
  const shared: Record<string, string> = { ...stack.processEnvironment, ...markOf(folder), ...own };

  /** The gateway and the registry have fixed addresses; all others are discovered through the registry. */
  const fixedPorts = new Map<string, string>();

  const instances = (processName: string): StartedProcess[] =>
    (running.get(processName) ?? []).filter((one) => one.isRunning());

  async function start(processName: string): Promise<StartedProcess> {
    const command = entries.find((entry) => entry.name === processName)?.command;
    const main = /\bbun (\S+)/.exec(command ?? '')?.[1];
    if (main === undefined) throw new Error(`The Procfile has no process ${processName}`);
    const started = await startProcess(main, {
      ...shared,
      ...(processName !== 'registry' && { IDENTITY_FILE: stack.identityFile(processName) }),
      PORT: fixedPorts.get(processName) ?? '0',
    });
    running.set(processName, [...instances(processName), started]);
    if (processName === 'gateway' || processName === 'registry')
      fixedPorts.set(processName, new URL(started.url).port);
    return started;
  }

  async function mend() {
    const dead = stack.servers.filter((server) => server.pid() === undefined);
    await Promise.all(dead.map((server) => server.restart()));
    await Promise.all(
      entries.map(async ({ name: processName }) => {
        const [first, ...additional] = instances(processName);
        if (first === undefined) await start(processName);
        await Promise.all(additional.map((one) => one.stop()));
      }),
    );
    await eventually(() => assertDiscovered(onlyInstance('gateway').url, entries), DISCOVERY_MS);
  }

  async function stop() {
    await Promise.all([...running.values()].flat().map((one) => one.stop()));
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  }

  const onlyInstance = (processName: string): StartedProcess => {
    const [first] = instances(processName);
    if (first === undefined) throw new Error(`${processName} is not running`);
    return first;
  };

  try {
    await prepare(stack);
    shared.REGISTRY_URL = (await start('registry')).url;
    const others = entries.filter((entry) => entry.name !== 'registry');
    await inParallel('processes', others, STARTING_AT_ONCE, (entry) => start(entry.name));
    const url = onlyInstance('gateway').url;
    await eventually(() => assertDiscovered(url, entries), DISCOVERY_MS);
    return {
      url,
      stack,
      folder,
      instances,
      process: onlyInstance,
      start,
      async killAndStart(processName) {
        await Promise.all(instances(processName).map((victim) => victim.kill()));
        return start(processName);
      },
      mend,
      async replace(processName) {
        const old = onlyInstance(processName);
        const next = await start(processName);
        await eventually(async () => hasInstances(url, processName, 2), DISCOVERY_MS);
        await old.stop();
        return next;
      },
      stop,
    };
  } catch (failure) {
    await stop();
    throw failure;
  }
}

/** Whether the gateway lists `count` instances of a service as up. */
async function hasInstances(url: string, service: string, count: number): Promise<boolean> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const { services } = (await response.json()) as {
    services: Record<string, { instances: { state: string }[] }>;
  };
  return services[service]?.instances.filter(({ state }) => state === 'up').length === count;
}

/** @throws when the gateway has not discovered every service that registers routes */
async function assertDiscovered(url: string, entries: readonly { name: string }[]): Promise<void> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const { services } = (await response.json()) as { services: Record<string, unknown> | { name: string }[] };
  const seen = Array.isArray(services) ? services.map((service) => service.name) : Object.keys(services);
  const expected = ['users', 'timelines', 'auth', 'likes', 'polls'].filter((name) =>
    entries.some((entry) => entry.name === name),
  );
  const missing = expected.filter((name) => !seen.includes(name));
  if (missing.length > 0) throw new Error(`The gateway has not discovered ${missing.join(', ')}`);
}
