import { ownerOf } from '../infra/folder-lock';
import { residentBytesOf } from '../infra/processes';
import { DEVELOPMENT_FOLDER, readState } from '../infra/state';
import { readSystemState } from './processes/system-state';

/** Lists the servers and processes of the running system with their memory usage. */
interface Row {
  name: string;
  pid: number | null;
  state: string;
}

/** The process of `make up`, which some servers run in. */
const owner = ownerOf(DEVELOPMENT_FOLDER) ?? null;
const servers: Row[] = (readState()?.servers ?? []).map(({ name, pid }) => ({
  name: `server-${name}`,
  pid: pid === owner ? null : pid,
  state: pid === null ? 'folder' : pid === owner ? 'in make-up' : 'running',
}));
const processes: Row[] = (readSystemState()?.processes ?? []).flatMap(
  ({ name, pid, state, restarts, programs = [] }) => [
    { name, pid, state: restarts === 0 ? state : `${state} (restarts: ${restarts})` },
    ...programs.map((program) => ({ name: program, pid: null, state: `in ${name}` })),
  ],
);
const supervisor: Row[] = owner === null ? [] : [{ name: 'make-up', pid: owner, state: 'running' }];
const rows = [...supervisor, ...servers, ...processes];

if (rows.length === 0) {
  console.log('Nothing is running. Start the system with `make up`.');
} else {
  const width = Math.max(...rows.map(({ name }) => name.length));
  let total = 0;
  console.log(`${'PROCESS'.padEnd(width)}      PID    MB  STATE`);
  for (const { name, pid, state } of rows) {
    const bytes = pid === null ? undefined : residentBytesOf(pid);
    total += bytes ?? 0;
    const shown = pid !== null && bytes === undefined ? 'exited' : state;
    console.log(
      `${name.padEnd(width)}  ${String(pid ?? '–').padStart(7)}  ${megabytes(bytes).padStart(4)}  ${shown}`,
    );
  }
  console.log(`${'total'.padEnd(width)}  ${''.padStart(7)}  ${megabytes(total).padStart(4)}`);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : String(Math.round(bytes / 1024 / 1024));
}
