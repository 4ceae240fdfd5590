import { setTimeout as wait } from 'node:timers/promises';
import type { JobDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from '../../core/runtime';
import { observeBacklog } from '../backlog-metrics';
import { type ConsumerSettings, deliver, type MessageContext } from '../delivery';
import { deliveryMetrics } from '../delivery-metrics';
import type { Beanstalkd } from './client';
import type { BeanstalkdConnection, ReservedJob } from './connection';
import { jobDelivery, parkedTube } from './delivery';

const RESERVE_SECONDS = 5;
/** A job is touched for this long at most; a handler that takes longer has failed. */
const HANDLE_TIMEOUT_MS = 10 * 60_000;
/** How long running jobs may take at shutdown; then they return to the tube. */
const DRAIN_MS = 15_000;
const RETRY = { baseMs: 1_000, capMs: 300_000 };

/**
 * Consumes jobs from their tube, `concurrency` at a time, until the runtime shuts down. A job is deleted only once it is
 * settled: handled, released with a delay, or copied to `<tube>.parked` with its reason, as one that no publisher of its
 * contract has signed is at once.
 *
 * @param options.jobs definitions of one tube
 * @param options.concurrency connections, each of which reserves jobs when it has settled its last ones
 * @param options.batch jobs that a connection reserves together when so many are ready, for handlers that batch them; 1 by
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
  const [first] = options.jobs;
  if (first === undefined || options.jobs.some((job) => job.tube !== first.tube))
    throw new RangeError('Jobs consumed together must be of one tube');
  const { tube, ttrSeconds, priority } = first;
  const settings: ConsumerSettings<Definition> = {
    source: tube,
    definitions: options.jobs,
    handle: options.handle,
    maxAttempts: first.maxAttempts,
    timeoutMs: HANDLE_TIMEOUT_MS,
    metrics: deliveryMetrics(runtime),
  };
  const pace = options.retry ?? RETRY;

  const slots = Array.from({ length: options.concurrency }, (_, index) =>
    runSlot(runtime, beanstalkd, { tube, number: index + 1, batch: options.batch ?? 1, handleJob }),
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

  async function handleJob(connection: BeanstalkdConnection, job: ReservedJob) {
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
          { connection, beanstalkd, identity: runtime.identity },
          { tube, priority, pace },
          { ...job, attempt },
        ),
      );
    } finally {
      clearInterval(touching);
    }
  }
}

/** A connection that reserves and handles one job, or one batch of jobs, at a time. */
function runSlot(
  runtime: Runtime,
  beanstalkd: Beanstalkd,
  slot: {
    tube: string;
    number: number;
    batch: number;
    handleJob: (connection: BeanstalkdConnection, job: ReservedJob) => Promise<void>;
  },
) {
  const { tube, number, batch, handleJob } = slot;
  const reserving = beanstalkd.openConnection(`beanstalkd consumer ${number} of ${tube}`, (connection) =>
    connection.watchOnly(tube),
  );
  let busy = false;
  /** As many more jobs as were ready lately: a reservation in vain costs a command. */
  let expected = 1;

  async function reserveMore(connection: BeanstalkdConnection): Promise<ReservedJob[]> {
    const wanted = Math.min(expected, batch - 1);
    if (wanted === 0) return [];
    const more = (await connection.reserveReady(wanted).catch(untilReopened(connection))) ?? [];
    expected = more.length === wanted ? wanted * 2 : Math.max(1, more.length);
    return more;
  }

  async function work() {
    while (!runtime.closing.aborted) {
      const connection = await reserving.opened();
      const job = await connection.reserve(RESERVE_SECONDS).catch(untilReopened(connection));
      // A job reserved during shutdown is released when the connection closes.
      if (job === undefined || runtime.closing.aborted) continue;
      busy = true;
      const jobs = [job, ...(await reserveMore(connection))];
      await Promise.all(jobs.map((each) => handleJob(connection, each)));
      busy = false;
    }
  }
  const working = work().catch((failure: unknown) => {
    if (!runtime.closing.aborted) runtime.log.error({ err: failure, tube }, 'A consumer slot failed');
  });
  return {
    // Waits for a running job, but not for a pending reserve.
    drain: async () => (busy ? working : reserving.close()),
    close: () => reserving.close(),
  };
}

/** A failed reserve means a lost connection; awaiting its end keeps the loop from spinning. */
const untilReopened = (connection: BeanstalkdConnection) => async (): Promise<undefined> => {
  connection.close();
  await connection.ended;
  return undefined;
};
