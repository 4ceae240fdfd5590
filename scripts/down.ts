import { ownerOf } from '../infra/folder-lock';
import { signalProcess, stopProcessesOf, until } from '../infra/processes';
import { clearState, DEVELOPMENT_FOLDER } from '../infra/state';
import { clearSystemState } from './system-state';

/** Longer than the processes may drain and the servers may take to end. */
const GRACE_MS = 60_000;

/** Stops what `make up` or `bun infra/main.ts` started, and whatever a killed run left behind. */
const owner = ownerOf(DEVELOPMENT_FOLDER);
if (owner !== undefined) {
  console.log(`Stopping process ${owner} and all it started`);
  signalProcess(owner, 'SIGTERM');
  if (!(await until(() => ownerOf(DEVELOPMENT_FOLDER) === undefined, GRACE_MS))) {
    console.error(`It has not ended within ${GRACE_MS / 1000} s and is killed`);
    signalProcess(owner, 'SIGKILL');
  }
}
const left = await stopProcessesOf(DEVELOPMENT_FOLDER, { graceMs: 10_000 });
if (left > 0) console.log(`Ended ${left} processes an earlier run left behind`);
clearSystemState();
clearState();
console.log(owner === undefined && left === 0 ? 'Nothing was running' : 'All has stopped');
