import { setTimeout as wait } from 'node:timers/promises';
import type { JobDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from '../../core/runtime';
import { observeBacklog } from '../backlog-metrics';
import { deliver, type Handling, type MessageContext } from '../delivery';
import type { Beanstalkd } from './client';
import type { BeanstalkdConnection, ReservedJob } from './connection';
import { jobDelivery, parkedTube } from './delivery';

const RESERVE_SECONDS = 5;
/** A job is touched for so long at most; a handler that takes longer has failed. */
const HANDLE_TIMEOUT_MS = 10 * 60_000;
/** What is running at the end of the process gets so long; then it goes back to the tube. */
const DRAIN_MS = 15_000;
const RETRY = { baseMs: 1_000, capMs: 300_000 };

/**
 * Takes jobs from the tube they are defined for, `concurrency` at a time, until the runtime ends. A job is deleted
 * only after it is settled: handled, released with a delay, or kept in `<tube>.parked` with its reason.
 *
 * @param jobs definitions of one tube
 * @param retry milliseconds; the delay grows from `baseMs` to `capMs`, in whole seconds as beanstalkd has it
 * @throws RangeError when the jobs are not all of one tube
 */
export function consumeJobs<Definition extends JobDefinition>(
  runtime: Runtime,
  beanstalkd: Beanstalkd,
  options: {
    jobs: readonly Definition[];
    concurrency: number;
    handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
    retry?: { baseMs: number; capMs: number };
  },
): void {
  const [first] = options.jobs;
  if (first === undefined || options.jobs.some((job) => job.tube !== first.tube))
    throw new RangeError('Jobs that are consumed together must be of one tube');
  const { tube, ttrSeconds, priority } = first;
  const handling: Handling<Definition> = {
    source: tube,
    definitions: options.jobs,
    handle: options.handle,
    maxAttempts: first.maxAttempts,
    timeoutMs: HANDLE_TIMEOUT_MS,
  };
  const pace = options.retry ?? RETRY;

  const slots = Array.from({ length: options.concurrency }, (_, index) =>
    runSlot(runtime, beanstalkd, { tube, number: index + 1, handleJob }),
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
    // The connection has just been lost, and the job with it: it comes again.
    if (attempt === undefined) return;
    const touching = setInterval(() => {
      connection.touch(job.id).catch((failure: unknown) => {
        runtime.log.warn({ err: failure, tube, job: job.id }, 'could not extend the hold on a job');
      });
    }, ttrSeconds * 500);
    try {
      await deliver(
        runtime,
        handling,
        jobDelivery({ connection, beanstalkd }, { tube, priority, pace }, { ...job, attempt }),
      );
    } finally {
      clearInterval(touching);
    }
  }
}

/** One connection that reserves a job, has it handled, and so on. */
function runSlot(
  runtime: Runtime,
  beanstalkd: Beanstalkd,
  slot: {
    tube: string;
    number: number;
    handleJob: (connection: BeanstalkdConnection, job: ReservedJob) => Promise<void>;
  },
) {
  const { tube, number, handleJob } = slot;
  const kept = beanstalkd.openConnection(`beanstalkd consumer ${number} of ${tube}`, (connection) =>
    connection.watchOnly(tube),
  );
  let busy = false;

  async function work() {
    while (!runtime.closing.aborted) {
      const connection = await kept.opened();
      const job = await connection.reserve(RESERVE_SECONDS).catch(untilReopened(connection));
      // Reserved while ending: the closed connection gives it back at once.
      if (job === undefined || runtime.closing.aborted) continue;
      busy = true;
      await handleJob(connection, job);
      busy = false;
    }
  }
  const working = work().catch((failure: unknown) => {
    if (!runtime.closing.aborted) runtime.log.error({ err: failure, tube }, 'a consumer slot has ended');
  });
  return {
    // A waiting reserve is cut short; what is being handled is waited for.
    drain: async () => (busy ? working : kept.close()),
    close: () => kept.close(),
  };
}

/** A reserve that failed has lost its connection; waiting for its end keeps the loop from spinning meanwhile. */
const untilReopened = (connection: BeanstalkdConnection) => async (): Promise<undefined> => {
  connection.close();
  await connection.ended;
  return undefined;
};
