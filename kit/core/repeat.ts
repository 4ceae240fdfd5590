import { sleep } from './back-off';
import type { Runtime } from './runtime';

/**
 * Runs background work periodically until the runtime shuts down, which waits for a run in progress. A failure is logged,
 * and the work runs again after the interval.
 *
 * @param what names the work in the log: "<what> failed"
 * @param interval.everyMs between the end of one run and the start of the next; a function is called before each wait
 * @param interval.firstRun `now` by default; `later` starts with the interval
 */
export function repeatEvery(
  runtime: Runtime,
  what: string,
  interval: { readonly everyMs: number | (() => number); readonly firstRun?: 'now' | 'later' },
  work: () => Promise<void>,
): void {
  const { everyMs } = interval;
  const pause = () => sleep(typeof everyMs === 'number' ? everyMs : everyMs(), runtime.closing);

  async function run() {
    if (interval.firstRun === 'later') await pause();
    while (!runtime.closing.aborted) {
      await work().catch((failure: unknown) => runtime.log.warn({ err: failure }, `${what} failed`));
      await pause();
    }
  }
  const running = run();
  runtime.onClose(what, () => running);
}
