import type {
  DeliverPostRequest,
  DeliverPostResponse,
  TimelinesServiceDefinition,
} from '#contracts/gen/timelines/v1/timelines';
import { PostFanOut } from '#contracts/jobs/posts';
import { batchCalls } from '#kit/core/queues/batches';
import type { Runtime } from '#kit/core/runtime';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { observeFanOutLag } from '#kit/messaging/fan-out-lag';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';

const FOLLOWERS_PER_JOB = 1_000;
/** Long enough for 1,000 feeds on a busy Redis, well below the time to run of a job in beanstalkd. */
const DEADLINE_MS = 10_000;
/** Jobs that share one call, of which a few hundredths of a second are enough to collect them under load. */
const JOBS_PER_CALL = 50;
const PACE_MS = 20;

/**
 * Delivers posts to the followers that their own process has left (`services/timelines/feeds/in-place`), 1,000 per job; each job enqueues the next one before it completes. Jobs that
 * are ready together share a call.
 */
export function fanoutWorker(deps: {
  runtime: Runtime;
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'deliverPost' | 'deliverPosts'>;
  beanstalkd: Pick<Beanstalkd, 'put'>;
}): JobWorker<typeof PostFanOut> {
  const observeLag = observeFanOutLag(deps.runtime.metrics);
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
      else if (!imported) observeLag(post_id);
    },
  };
}

/** Then calls for each job would only add to the load. */
const isOutage = (failure: unknown): boolean => failure instanceof Problem && failure.status >= 500;
