import { Busy } from '#kit/in-turn';
import type { Runtime } from '#kit/runtime';

/** More waiting would be of an attack that the throttle has let through. */
const MOST_RUNNING = 50;

/**
 * Does something once the answer is on its way, so that the time of the answer does not tell what was found. The end of
 * the process waits for what is running.
 *
 * @throws Busy when too much is running
 */
export type Afterwards = (what: string, work: () => Promise<void>) => void;

export function createAfterwards(runtime: Runtime): Afterwards {
  const running = new Set<Promise<void>>();
  runtime.onClose('work after answers', async () => void (await Promise.all(running)));
  return (what, work) => {
    if (running.size >= MOST_RUNNING) throw new Busy({ headers: { 'retry-after': '2' } });
    const worked = work()
      .catch((failure: unknown) => runtime.log.error({ err: failure }, `${what} failed`))
      .finally(() => running.delete(worked));
    running.add(worked);
  };
}
