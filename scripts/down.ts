import { ownerOf } from '../infra/folder-lock';
import { signalProcess, stopProcessesOf, until } from '../infra/processes';
import { clearState, DEVELOPMENT_FOLDER } from '../infra/state';
import { clearSystemState } from './processes/system-state';

/** Longer than the processes may drain and the servers may take to stop. */
const GRACE_MS = 60_000;

/** Stops the system that `make up` or `bun infra/main.ts` started, and the processes of a killed run. */
const owner = ownerOf(DEVELOPMENT_FOLDER);
if (owner !== undefined) {
  console.log(`Stopping process ${owner} and its children`);
  signalProcess(owner, 'SIGTERM');
  if (!(await until(() => ownerOf(DEVELOPMENT_FOLDER) === undefined, GRACE_MS))) {
    console.error(`Process ${owner} has not stopped within ${GRACE_MS / 1000} s; killing it`);
    signalProcess(owner, 'SIGKILL');
  }
}
const orphans = await stopProcessesOf(DEVELOPMENT_FOLDER, { graceMs: 10_000 });
if (orphans > 0) console.log(`Stopped ${orphans} processes of an earlier run`);
clearSystemState();
clearState();
console.log(owner === undefined && orphans === 0 ? 'Nothing was running' : 'Stopped');
