import { Histogram } from 'prom-client';
import type {
  DeliverPostRequest,
  DeliverPostResponse,
  TimelinesServiceDefinition,
} from '#contracts/gen/timelines/v1/timelines';
import { PostFanOut } from '#contracts/jobs/posts';
import { timeOfId } from '#kit/core/ids';
import { batchCalls } from '#kit/core/queues/batches';
import type { Runtime } from '#kit/core/runtime';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';

const FOLLOWERS_PER_JOB = 1_000;
/** Long enough for 1,000 feeds on a busy Redis, well below the time to run of a job in beanstalkd. */
const DEADLINE_MS = 10_000;
/** Jobs that share one call, of which a few hundredths of a second are enough to collect them under load. */
const JOBS_PER_CALL = 50;
const PACE_MS = 20;
/** A home timeline that lags by minutes looks broken. */
const LAG_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800];

/**
 * Delivers posts into followers' feeds, 1,000 followers per job; each job enqueues the next one before it completes. Jobs that
 * are ready together share a call.
 */
export function fanoutWorker(deps: {
  runtime: Runtime;
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'deliverPost' | 'deliverPosts'>;
  beanstalkd: Pick<Beanstalkd, 'put'>;
}): JobWorker<typeof PostFanOut> {
  const lag = new Histogram({
    name: 'fanout_lag_seconds',
    help: 'Seconds from the creation of a post to its delivery to the last follower',
    buckets: LAG_BUCKETS_SECONDS,
    registers: [deps.runtime.metrics],
  });
  const deliver = batchCalls<DeliverPostRequest, DeliverPostResponse>(
    async (deliveries) => {
      const [first, ...others] = deliveries;
      const options = { deadlineMs: DEADLINE_MS };
      if (first !== undefined && others.length === 0)
        return [await deps.timelines.deliverPost(first, options)];
      return (await deps.timelines.deliverPosts({ deliveries: [...deliveries] }, options)).deliveries;
    },
    { maxSize: JOBS_PER_CALL, paceMs: PACE_MS, concurrency: 2, isOutage },
  );
  return {
    source: { jobs: [PostFanOut] },
    concurrency: 2,
    batch: JOBS_PER_CALL,
    async handle({ data }, context) {
      const { post_id, author_id, after_follower, imported = false } = data;
      const { delivered, next_after_follower } = await parkClientErrors(
        deliver({
          post_id,
          author_id,
          after_follower: after_follower ?? undefined,
          limit: FOLLOWERS_PER_JOB,
        }),
      );
      context.log.debug({ post_id, delivered }, 'batch delivered');
      if (next_after_follower !== undefined)
        await putJob(deps.beanstalkd, PostFanOut, {
          post_id,
          author_id,
          after_follower: next_after_follower,
          ...(imported && { imported }),
        });
      else if (!imported) lag.observe(Math.max(0, Date.now() - timeOfId(post_id).getTime()) / 1000);
    },
  };
}

/** Then calls for each job would only add to the load. */
const isOutage = (failure: unknown): boolean => failure instanceof Problem && failure.status >= 500;
