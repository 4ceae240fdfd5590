import { createWorkQueue, ServiceOverloaded } from '#kit/core/queues/work-queue';
import type { Runtime } from '#kit/core/runtime';
import type { BackgroundQueue } from './deps';

/** Low, so that database connections remain for the requests that clients wait for. */
const CONCURRENCY = 4;
const MAX_QUEUED = 1_000;

export function createBackgroundQueue(runtime: Runtime): BackgroundQueue {
  const queue = createWorkQueue({
    name: 'work after responses',
    metrics: runtime.metrics,
    limits: { concurrent: CONCURRENCY, waiting: MAX_QUEUED },
  });
  const accepted = new Set<Promise<void>>();
  runtime.onClose('background queue', async () => void (await Promise.all(accepted)));
  return {
    enqueue(name, work) {
      if (accepted.size >= MAX_QUEUED) throw new ServiceOverloaded({ headers: { 'retry-after': '2' } });
      const done = queue
        .run(work)
        .catch((failure: unknown) => runtime.log.error({ err: failure }, `${name} failed`))
        .finally(() => accepted.delete(done));
      accepted.add(done);
    },
  };
}
