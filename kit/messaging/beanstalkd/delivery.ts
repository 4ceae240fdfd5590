import { backOffMs } from '../../core/back-off';
import type { ServiceIdentity } from '../../core/identity';
import type { Delivery } from '../delivery';
import { type BeanstalkdConnection, BeanstalkdError, type ReservedJob } from './connection';
import type { BeanstalkdServer } from './server';
import { requireSignature } from './signature';

/** The tube of jobs that wait for an operator. */
export const parkedTube = (tube: string): string => `${tube}.parked`;

/** A parked job: the original body, and the reason. */
export interface ParkedJob {
  readonly reason: string;
  readonly parked_at: string;
  readonly attempts: number;
  readonly tube: string;
  readonly body: string;
}

/** Parked jobs are handled by operators, not workers; the time to run does not matter. */
const PARKED = { priority: 1024, delaySeconds: 0, ttrSeconds: 60 };

/**
 * The delivery of a reserved job.
 *
 * beanstalkd cannot store a reason with a buried job. So parking puts a `ParkedJob` with the reason into `<tube>.parked`
 * and then deletes the original; if that copy is rejected (too big with its reason), the original is buried and the log
 * line has the reason. A crash in between parks it twice, which is harmless. It is parked at the server that it was reserved from.
 *
 * @param tube.pace exponential back-off of retries, in whole seconds as beanstalkd requires
 */
export function jobDelivery(
  {
    connection,
    server,
    identity,
  }: { connection: BeanstalkdConnection; server: BeanstalkdServer; identity: ServiceIdentity },
  { tube, priority, pace }: { tube: string; priority: number; pace: { baseMs: number; capMs: number } },
  job: ReservedJob & { attempt: number },
): Delivery {
  return {
    bytes: job.bytes,
    attempt: job.attempt,
    requirePublisher(definition) {
      if (definition.kind === 'job')
        requireSignature(identity, { tube, bytes: job.bytes }, definition.publishers);
    },
    acknowledge: () => connection.delete(job.id),
    async retry(afterMs) {
      const delaySeconds = Math.ceil((afterMs ?? backOffMs(job.attempt, pace)) / 1000);
      await connection.release(job.id, { priority, delaySeconds });
    },
    async park(reason) {
      const parked: ParkedJob = {
        reason,
        parked_at: new Date().toISOString(),
        attempts: job.attempt,
        tube,
        body: job.bytes.toString('utf8'),
      };
      try {
        await server.put(parkedTube(tube), Buffer.from(JSON.stringify(parked)), PARKED);
      } catch (failure) {
        if (!(failure instanceof BeanstalkdError && failure.word === 'JOB_TOO_BIG')) throw failure;
        return connection.bury(job.id, priority);
      }
      await connection.delete(job.id);
    },
  };
}
