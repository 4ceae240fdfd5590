import { join } from 'node:path';
import { DEVELOPMENT_FOLDER } from '../../infra/state';
import { clearSystemState, readSystemState } from '../processes/system-state';
import { startInBackground } from './background';

const ROOT = join(import.meta.dir, '..', '..');

/**
 * Runs a script that starts the system in a session of its own, until the system is ready.
 *
 * @returns the exit code: 1 when the script has given up, which its output has said
 */
export async function startSystemInBackground(script: string, args: readonly string[]): Promise<number> {
  clearSystemState();
  console.log('Starting in the background');
  const isUp = await startInBackground({
    command: [process.execPath, script, '--quiet', ...args],
    folder: ROOT,
    logFolder: join(DEVELOPMENT_FOLDER, 'logs'),
    isReady: () => readSystemState()?.ready === true,
    show: (text) => process.stdout.write(text),
  });
  if (!isUp) console.error('Rookery failed to start, see above');
  return isUp ? 0 : 1;
}
