import { resolve } from 'node:path';
import { DEVELOPMENT_FOLDER, readState } from '../../infra/state';
import { readStores } from '../backup/settings';
import { markSeeded } from '../processes/system-state';
import { restoreStores } from './restore';

/** `restore <folder>`: restores a backup into an empty system, whose processes are stopped. */
async function main([folder = '']: string[]): Promise<number> {
  if (folder === '') {
    console.error(
      'Pass the folder of a backup, for example: make restore from=.data/backups/2026-11-30T02-00-00-000Z',
    );
    return 2;
  }
  const state = readState();
  const source = { ...state?.environment, ...process.env };
  const { point_at } = await restoreStores(readStores(source), resolve(folder), console.log);
  // `make up` must not add demo data to it.
  if (state !== undefined) markSeeded(DEVELOPMENT_FOLDER);
  console.log(
    `Restored the state of ${point_at}, and compared it. Start the processes; then run make audit.`,
  );
  return 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((failure: unknown) => {
  console.error(`Not restored: ${failure instanceof Error ? failure.message : failure}`);
  return 1;
});
