import { Cron } from 'croner';
import type { Runtime } from './runtime';

/**
 * Runs background work at set times (UTC) until the runtime shuts down, which waits for a run in progress. A failure is
 * logged, and the work runs again at its next time. A time that comes while a run is in progress is skipped.
 *
 * @param what names the work in the log: "<what> failed"
 * @param pattern five fields of cron: `0 3 * * *` is every night at three
 * @throws TypeError when the pattern is invalid
 */
export function runOnSchedule(
  runtime: Runtime,
  what: string,
  pattern: string,
  work: () => Promise<void>,
): void {
  let running: Promise<void> | undefined;
  const job = new Cron(pattern, { timezone: 'UTC', protect: true, unref: true }, async () => {
    running = work().catch((failure: unknown) => runtime.log.warn({ err: failure }, `${what} failed`));
    await running;
  });
  runtime.onClose(what, async () => {
    job.stop();
    await running;
  });
}
