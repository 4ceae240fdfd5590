import { Histogram } from 'prom-client';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { PostFanOut } from '#contracts/jobs/posts';
import { timeOfId } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';

const FOLLOWERS_PER_JOB = 1_000;
/** Long enough for 1,000 feeds on a busy Redis, well below the time to run of a job in beanstalkd. */
const DEADLINE_MS = 10_000;
/** A home timeline that lags by minutes looks broken. */
const LAG_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800];

/** Delivers posts into followers' feeds, 1,000 followers per job; each job enqueues the next one before it completes. */
export function fanoutWorker(deps: {
  runtime: Runtime;
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'deliverPost'>;
  beanstalkd: Pick<Beanstalkd, 'put'>;
}): JobWorker<typeof PostFanOut> {
  const lag = new Histogram({
    name: 'fanout_lag_seconds',
    help: 'Seconds from the creation of a post to its delivery to the last follower',
    buckets: LAG_BUCKETS_SECONDS,
    registers: [deps.runtime.metrics],
  });
  return {
    source: { jobs: [PostFanOut] },
    concurrency: 4,
    async handle({ data }, context) {
      const { post_id, author_id, after_follower, imported = false } = data;
      const { delivered, next_after_follower } = await parkClientErrors(
        deps.timelines.deliverPost(
          {
            post_id,
            author_id,
            after_follower: after_follower ?? undefined,
            limit: FOLLOWERS_PER_JOB,
          },
          { deadlineMs: DEADLINE_MS },
        ),
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
