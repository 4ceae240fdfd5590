import { PostFanOut } from '#contracts/jobs/posts';
import { InvalidMessage, type MessageOf, parseEnvelope } from '#contracts/messages';
import { batchCalls } from '#kit/core/queues/batches';
import { withTimeout } from '#kit/core/runtime';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { putJob } from '#kit/messaging/beanstalkd/put-job';
import { observeFanOutLag } from '#kit/messaging/fan-out-lag';
import type { JobSender } from '#kit/messaging/outbox-relay';
import { withTrace } from '#kit/tracing/context';
import { endSpan, errorTypeOf, receiveTrace } from '#kit/tracing/spans';
import type { TimelinesDeps } from '../deps';
import { deliverPosts, type FanOut, type FanOutDeps, type FanOutResult } from './fan-out';

/** Most people have fewer. A job for the worker has the others, so that a post of many followers holds up nobody else's. */
const FOLLOWERS = 500;
const POSTS_TOGETHER = 50;
/** The relay claims no further rows meanwhile. */
const TIMEOUT_MS = 2_000;

/**
 * Delivers new posts to their first followers before their jobs would leave the outbox: handing a job to a worker, which calls
 * this service, costs more than the delivery to a few dozen feeds. The job goes to beanstalkd for the followers after these,
 * and as it is when the delivery fails: the worker repeats it with back-off. A row of the outbox counts as sent once either
 * has happened, so nothing is lost, and what happens twice is idempotent.
 *
 * @param followers how many of a post receive it here; 500 by default
 * @returns stands before `beanstalkd`, for the relay; other jobs pass
 */
export function deliverInPlace(
  deps: Pick<TimelinesDeps, 'runtime'> & FanOutDeps,
  beanstalkd: Pick<Beanstalkd, 'connected' | 'put'>,
  followers = FOLLOWERS,
): JobSender {
  const { runtime, redis } = deps;
  const observeLag = observeFanOutLag(runtime.metrics);
  const deliver = batchCalls<FanOut, FanOutResult>(
    (fanOuts) => withTimeout(deliverPosts(deps, fanOuts), TIMEOUT_MS, 'delivering posts'),
    // The worker repeats those of a failed batch.
    { maxSize: POSTS_TOGETHER, concurrency: 2, isOutage: () => true },
  );

  async function deliverNew({ data }: NewPostJob): Promise<void> {
    const { post_id: postId, author_id: authorId } = data;
    const { nextAfterFollower } = await deliver({ postId, authorId, afterFollower: null, limit: followers });
    if (nextAfterFollower === undefined) observeLag(postId);
    else await putJob(beanstalkd, PostFanOut, { ...data, after_follower: nextAfterFollower });
  }

  async function deliverInSpan(job: NewPostJob): Promise<void> {
    const { request_id: requestId, traceparent } = job.trace;
    const trace = receiveTrace(runtime.spans, { requestId, traceparent });
    const attributes = { 'messaging.message.id': job.id, 'rookery.message.name': job.name };
    const span = { name: 'deliver post', kind: 'consumer', attributes } as const;
    try {
      await withTrace(trace, () => deliverNew(job));
      endSpan(trace, span);
    } catch (failure) {
      endSpan(trace, { ...span, error: errorTypeOf(failure) });
      throw failure;
    }
  }

  return {
    get connected() {
      return beanstalkd.connected;
    },
    async put(tube, bytes, options) {
      const job = tube === PostFanOut.tube && redis.isReady ? newPostJob(bytes) : undefined;
      if (job !== undefined)
        try {
          return await deliverInSpan(job);
        } catch (failure) {
          runtime.log.debug(
            { err: failure, post_id: job.data.post_id },
            'a post is left to the fan-out worker',
          );
        }
      return beanstalkd.put(tube, bytes, options);
    },
  };
}

type NewPostJob = MessageOf<typeof PostFanOut>;

/** @returns undefined for what the worker does in its own time: posts of archives, and jobs of another version */
function newPostJob(bytes: Buffer): NewPostJob | undefined {
  try {
    const job = parseEnvelope([PostFanOut], bytes);
    return job.data.after_follower === null && job.data.imported !== true ? job : undefined;
  } catch (failure) {
    if (failure instanceof InvalidMessage) return undefined;
    throw failure;
  }
}
