import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpUrl } from '#kit/core/address';
import { markOf } from '../../infra/processes';
import type { Stack } from '../../infra/stack';
import { waitForGateway } from '../processes/gateway-readiness';
import { type ProcfileEntry, parseProcfile, servicesOf } from '../processes/procfile';
import { type ProcessRunner, runProcesses } from '../processes/runner';
import { GATEWAY_PORT, REGISTRY_PORT } from './welcome';

const ROOT = join(import.meta.dir, '..', '..');
/** How long the next service may take; on a busy machine they start one after the other. */
const READY_STALL_MS = 300_000;
/** The first two run every process, the third a registry only: a majority of three survives the loss of one. */
const MACHINES = [0, 1, 2];

export interface MachinesOptions {
  /** The loopback addresses of the three machines. */
  readonly hosts: readonly string[];
  /** Contains the logs of the processes; they are marked with it. */
  readonly folder: string;
  /** Filled with the runners of the processes, in the order of their start, also when the start fails. */
  readonly runners: ProcessRunner[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly report: (line: string) => void;
  /** Shows the output of the processes. */
  readonly show?: (name: string, line: string) => void;
  readonly onChange?: () => void;
  readonly signal: AbortSignal;
}

/**
 * Starts the processes of the Procfile as on three machines: three registries, two gateways with two workers each, and two
 * of all others. One machine after the other: all at once would share few cores, and each would take as long as all of them.
 *
 * @returns the services of which a gateway does not list all instances as up; empty on success
 */
export async function startMachines(stack: Stack, options: MachinesOptions): Promise<string[]> {
  const { hosts, runners, report, signal } = options;
  const procfile = readProcfile();
  const entries = MACHINES.map((machine) => processesOn(machine, hosts, procfile, stack.identityFile));
  report('Starting three registries');
  runners.push(runEntries(entries.flat().filter(isRegistry), stack, options));
  for (const [machine, ofMachine] of entries.entries()) {
    const others = ofMachine.filter((entry) => !isRegistry(entry));
    if (others.length === 0) continue;
    report(`Starting ${others.length} processes on machine ${machine + 1}`);
    runners.push(runEntries(others, stack, options));
    const missing = await waitForGateway({
      url: gatewayUrl(hosts[machine]),
      services: servicesOf(procfile),
      instances: machine + 1,
      stallMs: READY_STALL_MS,
      isFailed: () => runners.some((one) => one.states().some(({ state }) => state === 'misconfigured')),
      signal,
    });
    if (missing.length > 0) return missing;
  }
  return [];
}

export const gatewayUrl = (host = '') => httpUrl(host, GATEWAY_PORT, '/');

/** The names of all processes. */
export const namesOnMachines = (): string[] =>
  MACHINES.flatMap((machine) => processesOn(machine, [], readProcfile(), () => '').map(({ name }) => name));

const readProcfile = () => parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'));

const isRegistry = ({ name }: ProcfileEntry) => name.startsWith('registry-');

/**
 * The processes of a machine: they listen on its address, on the ports of the Procfile.
 *
 * @param machine its number, from 0
 * @param identityFile where the identity of a process of the Procfile is
 * @returns entries named like `users-1`, with the bundles as their programs
 */
export const processesOn = (
  machine: number,
  hosts: readonly string[],
  procfile: readonly ProcfileEntry[],
  identityFile: (process: string) => string,
): ProcfileEntry[] =>
  procfile
    .filter(({ name }) => name !== 'infra' && (machine < 2 || name === 'registry'))
    .map(({ name, command }) => ({
      name: `${name}-${machine + 1}`,
      command: command
        .replace(/^env /, `env HOST=${hosts[machine]} `)
        .replace(/\bIDENTITY_FILE=\S+/, `IDENTITY_FILE=${identityFile(name)}`)
        .replace(/\bbun (\S+)\/main\.ts\b/, 'bun dist/$1/main.js'),
    }));

const runEntries = (entries: readonly ProcfileEntry[], stack: Stack, options: MachinesOptions) =>
  runProcesses({
    entries,
    folder: ROOT,
    environment: {
      ...stack.processEnvironment,
      ...markOf(options.folder),
      REGISTRY_URL: options.hosts.map((host) => httpUrl(host, REGISTRY_PORT)).join(','),
      // With the operator's credentials: the registry has no identity.
      REGISTRY_REDIS_URL: stack.environment.REDIS_URL ?? '',
      GATEWAY_WORKERS: '2',
      ...options.environment,
    },
    logFolder: join(options.folder, 'logs'),
    show: options.show ?? (() => undefined),
    ...(options.onChange !== undefined && { onChange: options.onChange }),
  });
