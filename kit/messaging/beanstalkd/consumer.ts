import { setTimeout as wait } from 'node:timers/promises';
import type { JobDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from '../../core/runtime';
import { observeBacklog } from '../backlog-metrics';
import { type ConsumerSettings, deliver, type MessageContext } from '../delivery';
import { deliveryMetrics } from '../delivery-metrics';
import type { Beanstalkd } from './client';
import type { ReservedJob } from './connection';
import { jobDelivery, parkedTube } from './delivery';
import { type JobSourceServer, runSlot } from './slot';

/** A job is touched for this long at most; a handler that takes longer has failed. */
const HANDLE_TIMEOUT_MS = 10 * 60_000;
/** How long running jobs may take at shutdown; then they return to the tube. */
const DRAIN_MS = 15_000;
const RETRY = { baseMs: 1_000, capMs: 300_000 };

/**
 * Consumes jobs from their tube at all servers, `concurrency` at a time, until the runtime shuts down. A job is deleted only once it is
 * settled: handled, released with a delay, or copied to `<tube>.parked` with its reason, as one that no publisher of its
 * contract has signed is at once.
 *
 * @param options.jobs definitions of one tube
 * @param options.concurrency slots, each of which reserves jobs when it has settled its last ones
 * @param options.batch jobs that a slot reserves together when so many are ready, for handlers that batch them; 1 by
 *   default. The next ones are reserved when all of them are settled.
 * @param options.retry back-off from 1 s to 300 s by default, in whole seconds as beanstalkd requires
 * @throws RangeError when the jobs are not all of one tube
 */
export function consumeJobs<Definition extends JobDefinition>(
  runtime: Runtime,
  beanstalkd: Beanstalkd,
  options: {
    jobs: readonly Definition[];
    concurrency: number;
    batch?: number;
    handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
    retry?: { baseMs: number; capMs: number };
  },
): void {
  const [job] = options.jobs;
  if (job === undefined || options.jobs.some(({ tube: other }) => other !== job.tube))
    throw new RangeError('Jobs consumed together must be of one tube');
  const { tube, ttrSeconds, priority, maxAttempts } = job;
  const settings: ConsumerSettings<Definition> = {
    source: tube,
    definitions: options.jobs,
    handle: options.handle,
    maxAttempts,
    timeoutMs: HANDLE_TIMEOUT_MS,
    metrics: deliveryMetrics(runtime, tube),
  };
  const pace = options.retry ?? RETRY;

  // The slots of all processes wait at different servers.
  const firstHome = Math.floor(Math.random() * beanstalkd.servers.length);
  const slots = Array.from({ length: options.concurrency }, (_, index) =>
    runSlot(runtime, beanstalkd.servers, {
      ...{ tube, number: index + 1, home: firstHome + index, batch: options.batch ?? 1 },
      handleJob,
    }),
  );
  runtime.onClose(`jobs of ${tube}`, async () => {
    const drained = Promise.all(slots.map((slot) => slot.drain()));
    await Promise.race([drained, wait(DRAIN_MS, undefined, { ref: false })]);
    await Promise.all(slots.map((slot) => slot.close()));
  });
  observeBacklog(runtime, tube, async () => {
    const statistics = await beanstalkd.tubeStatistics(tube);
    const parked = await beanstalkd.tubeStatistics(parkedTube(tube));
    return { ...statistics, parked: parked.ready };
  });

  async function handleJob({ server, connection }: JobSourceServer, job: ReservedJob) {
    const attempt = await connection.reserveCount(job.id).catch(() => undefined);
    // The connection was lost, and the job with it: it is delivered again.
    if (attempt === undefined) return;
    const touching = setInterval(() => {
      connection.touch(job.id).catch((failure: unknown) => {
        runtime.log.warn({ err: failure, tube, job: job.id }, 'Touching a job failed');
      });
    }, ttrSeconds * 500);
    try {
      await deliver(
        runtime,
        settings,
        jobDelivery(
          { connection, server, identity: runtime.identity },
          { tube, priority, pace },
          { ...job, attempt },
        ),
      );
    } finally {
      clearInterval(touching);
    }
  }
}
