import type { ProcfileEntry } from '../processes/procfile';

/** The loopback addresses of the machines that a cluster stands for: the third has a registry only. */
export const MACHINES = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;

/** The programs that a machine of a cluster runs, of those of the Procfile. */
const runsOn = (machine: number, name: string) => name !== 'infra' && (machine < 2 || name === 'registry');

/**
 * The processes of a machine: they listen on its address, on the ports of the Procfile.
 *
 * @param machine its number, from 0
 * @param identityFile where the identity of a process of the Procfile is
 * @returns entries named `users-1`, with the bundles as their programs
 */
export const processesOn = (
  machine: number,
  procfile: readonly ProcfileEntry[],
  identityFile: (process: string) => string,
): ProcfileEntry[] =>
  procfile
    .filter(({ name }) => runsOn(machine, name))
    .map(({ name, command }) => ({
      name: `${name}-${machine + 1}`,
      command: command
        .replace(/^env /, `env HOST=${MACHINES[machine]} `)
        .replace(/\bIDENTITY_FILE=\S+/, `IDENTITY_FILE=${identityFile(name)}`)
        .replace(/\bbun (\S+)\/main\.ts\b/, 'bun dist/$1/main.js'),
    }));
