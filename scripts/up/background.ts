import { closeSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLog, rotateLog } from '../../infra/log-files';
import { until } from '../../infra/processes';

export interface Background {
  /** The command that runs until it is stopped, and writes its progress to its output. */
  readonly command: readonly string[];
  readonly folder: string;
  /** Where its output goes. */
  readonly logFolder: string;
  /** Whether it has finished starting. */
  readonly isReady: () => boolean;
  readonly show: (text: string) => void;
}

/**
 * Starts a command in a session of its own, shows its output until it is ready, and leaves it running. It decides itself
 * when to give up: while it runs, there is progress.
 *
 * @returns whether it became ready; otherwise it has exited, and its output has been shown
 */
export async function startInBackground(options: Background): Promise<boolean> {
  mkdirSync(options.logFolder, { recursive: true });
  const logFile = join(options.logFolder, 'up.log');
  rotateLog(logFile);
  const log = openLog(logFile);
  const child = Bun.spawn([...options.command], {
    cwd: options.folder,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  let shown = 0;
  const forward = () => {
    const output = readFileSync(logFile);
    options.show(output.subarray(shown).toString());
    shown = output.length;
  };
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  await until(() => {
    // What it wrote before it became ready is shown below.
    const isOver = hasExited() || options.isReady();
    forward();
    return isOver;
  }, Number.POSITIVE_INFINITY);
  return !hasExited();
}
