import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { markOf } from '../../infra/processes';
import { type Stack, startStack } from '../../infra/stack';
import { parseProcfile } from '../../scripts/procfile';
import { eventually } from './eventually';
import { type StartedProcess, startProcess } from './processes';

const ROOT = join(import.meta.dir, '..', '..');
/** Away from the stack the other tests use, whose servers nobody may kill; systems of different names apart. */
const portOffsetOf = (name: string) => 4_000 + (Bun.hash.crc32(name) % 40) * 100;

export interface System {
  /** The gateway's address. */
  readonly url: string;
  readonly stack: Stack;
  /** The running instances of a process, by its Procfile name. */
  instances(name: string): StartedProcess[];
  /** The only instance of a process. */
  process(name: string): StartedProcess;
  /** One more instance. */
  start(name: string): Promise<StartedProcess>;
  /** Ends an instance at once and starts another in its place. */
  killAndStart(name: string): Promise<StartedProcess>;
  /** Starts another instance, and once the gateway knows it asks the only one there was to end. */
  replace(name: string): Promise<StartedProcess>;
  stop(): Promise<void>;
}

/**
 * Everything of the Procfile as real processes, on servers of its own that a test may kill.
 *
 * @param name tells the folders of two systems apart
 * @param only starts these of the Procfile; everything by default
 */
export async function startSystem(
  name: string,
  environment: Record<string, string> = {},
  only?: readonly string[],
): Promise<System> {
  const folder = join(ROOT, '.data', `system-${name}`);
  const stack = await startStack({ folder, profile: 'test', portOffset: portOffsetOf(name), source: {} });
  const entries = parseProcfile(await Bun.file(join(ROOT, 'Procfile')).text()).filter(
    (entry) => entry.name !== 'infra' && (only === undefined || only.includes(entry.name)),
  );
  const running = new Map<string, StartedProcess[]>(entries.map((entry) => [entry.name, []]));
  // The mark lets whoever uses the folder next find what a test that was broken off has left behind.
  const shared: Record<string, string> = { ...stack.environment, ...markOf(folder), ...environment };

  async function start(processName: string, port = '0'): Promise<StartedProcess> {
    const command = entries.find((entry) => entry.name === processName)?.command;
    const main = /\bbun (\S+)/.exec(command ?? '')?.[1];
    if (main === undefined) throw new Error(`The Procfile has no process ${processName}`);
    const started = await startProcess(main, { ...shared, PORT: port });
    running.get(processName)?.push(started);
    return started;
  }

  function forget(processName: string, ended: StartedProcess) {
    running.set(
      processName,
      (running.get(processName) ?? []).filter((one) => one !== ended),
    );
  }

  async function stop() {
    await Promise.all([...running.values()].flat().map((one) => one.stop()));
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  }

  const theOnly = (processName: string): StartedProcess => {
    const [first] = running.get(processName) ?? [];
    if (first === undefined) throw new Error(`${processName} is not running`);
    return first;
  };

  try {
    shared.REGISTRY_URL = (await start('registry')).url;
    await Promise.all(entries.filter((entry) => entry.name !== 'registry').map((entry) => start(entry.name)));
    const url = theOnly('gateway').url;
    await eventually(() => mustAnswer(url, running), 30_000);
    return {
      url,
      stack,
      instances: (processName) => running.get(processName) ?? [],
      process: theOnly,
      start: (processName) => start(processName),
      async killAndStart(processName) {
        const victim = theOnly(processName);
        forget(processName, victim);
        await victim.kill();
        // Others know these two by their address; everything else is found through the registry.
        const known = processName === 'gateway' || processName === 'registry';
        return start(processName, known ? new URL(victim.url).port : '0');
      },
      async replace(processName) {
        const old = theOnly(processName);
        const next = await start(processName);
        await eventually(async () => hasInstances(url, processName, 2), 30_000);
        forget(processName, old);
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

/** So many instances of a service are up, as the gateway sees it. */
async function hasInstances(url: string, service: string, count: number): Promise<boolean> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const { services } = (await response.json()) as {
    services: Record<string, { instances: { state: string }[] }>;
  };
  return services[service]?.instances.filter(({ state }) => state === 'up').length === count;
}

/** Every service that registers routes is seen by the gateway. */
async function mustAnswer(url: string, running: ReadonlyMap<string, StartedProcess[]>): Promise<void> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const { services } = (await response.json()) as { services: Record<string, unknown> | { name: string }[] };
  const seen = Array.isArray(services) ? services.map((service) => service.name) : Object.keys(services);
  const expected = ['users', 'timelines', 'auth', 'likes', 'polls'].filter((name) => running.has(name));
  const missing = expected.filter((name) => !seen.includes(name));
  if (missing.length > 0) throw new Error(`The gateway does not see ${missing.join(', ')}`);
}
