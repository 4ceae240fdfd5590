import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markOf } from '../../infra/processes';
import type { Stack } from '../../infra/stack';
import { parseProcfile } from '../../scripts/processes/procfile';
import { inParallel } from '../../scripts/seed/in-parallel';
import { eventually } from '../support/eventually';
import { type StartedProcess, startProcess } from '../support/processes';

const STARTING_AT_ONCE = 4;
const DISCOVERY_MS = 120_000;
/** How long before a gateway stops its load balancer sends it no new requests. */
const BALANCER_MS = 2_000;

/** Processes of two versions on the same servers. */
export interface Fleet {
  /** The address of the gateway that takes new requests. */
  gateway(): string;
  /** In the order of an upgrade: the registry first, as the others register with what it must know, and the gateway last. */
  names(): string[];
  /** Starts the process from another checkout and, once it takes requests, stops the one that runs. */
  replace(name: string, checkout: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the processes of a checkout, and waits until its gateway lists every service.
 *
 * @param only starts these processes; all by default
 */
export async function startFleet(stack: Stack, checkout: string, only?: readonly string[]): Promise<Fleet> {
  const mainOf = mainsIn(checkout, only);
  const running = new Map<string, StartedProcess>();
  const environment: Record<string, string> = {
    ...stack.processEnvironment,
    ...markOf(join(stack.identityFile('x'), '..', '..')),
    SIGN_INS_PER_ADDRESS: '1000000',
  };

  function start(name: string, folder: string, port = '0'): Promise<StartedProcess> {
    const main = mainOf.get(name) ?? '';
    return startProcess(
      main,
      {
        ...environment,
        ...(name !== 'registry' && { IDENTITY_FILE: stack.identityFile(name) }),
        PORT: port,
      },
      { command: [process.execPath, join(folder, main)], folder },
    );
  }

  const gateway = () => running.get('gateway')?.url ?? '';
  const services = [...mainOf].flatMap(([name, main]) => (main.startsWith('services/') ? [name] : []));
  const instancesOf = async (service: string): Promise<number> => {
    const response = await fetch(gateway(), { headers: { accept: 'application/json' } });
    const index = (await response.json()) as { services: Record<string, { instances: { state: string }[] }> };
    return index.services[service]?.instances.filter(({ state }) => state === 'up').length ?? 0;
  };

  async function stop() {
    await Promise.all([...running.values()].map((one) => one.stop()));
  }

  try {
    running.set('registry', await start('registry', checkout));
    environment.REGISTRY_URL = running.get('registry')?.url ?? '';
    const others = [...mainOf.keys()].filter((name) => name !== 'registry');
    await inParallel('processes', others, STARTING_AT_ONCE, async (name) => {
      running.set(name, await start(name, checkout));
    });
    for (const service of services)
      await eventually(async () => (await instancesOf(service)) === 1, DISCOVERY_MS);
  } catch (failure) {
    await stop();
    throw failure;
  }

  return {
    gateway,
    names: () => ['registry', ...[...mainOf.keys()].filter((name) => !FIRST_OR_LAST.has(name)), 'gateway'],
    async replace(name, folder) {
      const old = running.get(name);
      if (old === undefined) throw new Error(`${name} does not run`);
      // Clients keep their view while it is away. It has one address; gateways stand behind a load balancer.
      if (name === 'registry') await old.stop();
      const next = await start(name, folder, name === 'registry' ? new URL(old.url).port : '0');
      if (services.includes(name))
        await eventually(async () => (await instancesOf(name)) === 2, DISCOVERY_MS);
      if (name === 'gateway')
        await eventually(async () => (await fetch(`${next.url}/readyz`)).status === 200, DISCOVERY_MS);
      running.set(name, next);
      if (name === 'gateway') await Bun.sleep(BALANCER_MS);
      if (name !== 'registry') await old.stop();
    },
    stop,
  };
}

const FIRST_OR_LAST = new Set(['registry', 'gateway']);

/** The entry point of each process of a checkout, by its name. */
function mainsIn(checkout: string, only?: readonly string[]): Map<string, string> {
  const entries = parseProcfile(readFileSync(join(checkout, 'Procfile'), 'utf8'));
  return new Map(
    entries.flatMap(({ name, command }) => {
      const [, main] = /\bbun (\S+)/.exec(command) ?? [];
      return main === undefined || name === 'infra' || only?.includes(name) === false ? [] : [[name, main]];
    }),
  );
}
