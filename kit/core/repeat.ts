import { sleep } from './back-off';
import type { Runtime } from './runtime';

/**
 * Does something now and again in the background until the runtime ends, which waits for a run that is going on.
 * A failure is logged, and tried again at the next time.
 *
 * @param what as in "<what> failed"
 * @param everyMs between the end of one run and the beginning of the next; a function is asked before each wait
 * @param first `later` begins with the wait
 */
export function repeatEvery(
  runtime: Runtime,
  what: string,
  everyMs: number | (() => number),
  work: () => Promise<void>,
  first: 'now' | 'later' = 'now',
): void {
  const rest = () => sleep(typeof everyMs === 'number' ? everyMs : everyMs(), runtime.closing);

  async function run() {
    if (first === 'later') await rest();
    while (!runtime.closing.aborted) {
      await work().catch((failure: unknown) => runtime.log.warn({ err: failure }, `${what} failed`));
      await rest();
    }
  }
  const running = run();
  runtime.onClose(what, () => running);
}
