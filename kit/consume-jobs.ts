import { setTimeout as wait } from 'node:timers/promises';
import type { JobDefinition, MessageOf } from '#contracts/messages';
import { backOffMs } from './back-off';
import { observeBacklog } from './backlog-metrics';
import type { Beanstalkd } from './beanstalkd';
import { type BeanstalkdConnection, BeanstalkdError, type ReservedJob } from './beanstalkd-connection';
import { type Delivery, deliver, type Handling, type MessageContext } from './message-delivery';
import type { Runtime } from './runtime';

/** Where what could not be done waits for an operator. */
export const parkedTube = (tube: string): string => `${tube}.parked`;

/** A parked job: the original body as it was, and why it is here. */
export interface ParkedJob {
  readonly reason: string;
  readonly parked_at: string;
  readonly attempts: number;
  readonly tube: string;
  readonly body: string;
}

const RESERVE_SECONDS = 5;
/** A job is touched for so long at most; a handler that takes longer has failed. */
const HANDLE_TIMEOUT_MS = 10 * 60_000;
/** What is running at the end of the process gets so long; then it goes back to the tube. */
const DRAIN_MS = 15_000;
const RETRY = { baseMs: 1_000, capMs: 300_000 };
/** A parked job is looked at by people, never reserved by a worker; the time to run does not matter. */
const PARKED = { priority: 1024, delaySeconds: 0, ttrSeconds: 60 };

/**
 * Takes jobs from the tube they are defined for, `concurrency` at a time, until the runtime ends.
 *
 * Parking: beanstalkd cannot keep a reason with a buried job, so a `ParkedJob` with the reason is put into
 * `<tube>.parked` and then the original is deleted. If that copy is refused (too big with its reason), the original is
 * buried and the log line tells why. A crash between the two parks it twice, which harms nobody.
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

  const slots = Array.from({ length: options.concurrency }, (_, index) => runSlot(index + 1));
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

  function runSlot(number: number) {
    const kept = beanstalkd.keepConnection(`beanstalkd consumer ${number} of ${tube}`, (connection) =>
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
      await deliver(runtime, handling, deliveryOf(connection, job, attempt));
    } finally {
      clearInterval(touching);
    }
  }

  const deliveryOf = (connection: BeanstalkdConnection, job: ReservedJob, attempt: number): Delivery => ({
    bytes: job.bytes,
    attempt,
    acknowledge: () => connection.delete(job.id),
    async retry(afterMs) {
      const delaySeconds = Math.ceil((afterMs ?? backOffMs(attempt, pace)) / 1000);
      await connection.release(job.id, { priority, delaySeconds });
    },
    async park(reason) {
      const parked: ParkedJob = {
        reason,
        parked_at: new Date().toISOString(),
        attempts: attempt,
        tube,
        body: job.bytes.toString('utf8'),
      };
      try {
        await beanstalkd.put(parkedTube(tube), Buffer.from(JSON.stringify(parked)), PARKED);
      } catch (failure) {
        if (!(failure instanceof BeanstalkdError && failure.word === 'JOB_TOO_BIG')) throw failure;
        return connection.bury(job.id, priority);
      }
      await connection.delete(job.id);
    },
  });
}

/** A reserve that failed has lost its connection; waiting for its end keeps the loop from spinning meanwhile. */
const untilReopened = (connection: BeanstalkdConnection) => async (): Promise<undefined> => {
  connection.close();
  await connection.ended;
  return undefined;
};
