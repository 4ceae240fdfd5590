import { limitConcurrency, ServiceOverloaded } from '#kit/core/concurrency-limit';
import type { Runtime } from '#kit/core/runtime';

/** Few, so that they leave the database's connections to requests somebody waits for. */
const AT_ONCE = 4;
const MOST_WAITING = 1_000;

/**
 * Does something once the answer is on its way, so that the time of the answer does not tell what was found. The end of
 * the process waits for what has been accepted.
 *
 * @throws ServiceOverloaded when too much is waiting
 */
export type Afterwards = (what: string, work: () => Promise<void>) => void;

export function createAfterwards(runtime: Runtime): Afterwards {
  const inTurn = limitConcurrency({ concurrent: AT_ONCE, waiting: MOST_WAITING });
  const accepted = new Set<Promise<void>>();
  runtime.onClose('work after answers', async () => void (await Promise.all(accepted)));
  return (what, work) => {
    if (accepted.size >= MOST_WAITING) throw new ServiceOverloaded({ headers: { 'retry-after': '2' } });
    const done = inTurn(work)
      .catch((failure: unknown) => runtime.log.error({ err: failure }, `${what} failed`))
      .finally(() => accepted.delete(done));
    accepted.add(done);
  };
}
