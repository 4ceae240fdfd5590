import { PostCreated, PostDeleted } from '#contracts/events/posts';
import { PostCreate } from '#contracts/jobs/posts';
import { batchCalls } from '#kit/core/queues/batches';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { removeParkedJobs } from '#kit/messaging/beanstalkd/erasure';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { isConnectionFailure } from '#kit/mysql/failures';
import type { TimelinesDeps } from './deps';
import { appendPosts, type StreamedPost } from './live/store';
import { applyEvent, USER_EVENTS } from './people/replication';

/** Posts that receive their positions in one transaction. */
const STREAM_BATCH = 200;
/** Live timelines may lag by this much under load: half as long as they wait for the next look at the head (`live/service`). */
const STREAM_PACE_MS = 100;

/** Replicates people and their relations, and feeds the live timelines. Idempotent by versions and ids: no inbox. */
export function subscribe(
  deps: TimelinesDeps,
  rabbit: Rabbit,
  beanstalkd: Pick<Beanstalkd, 'servers'>,
): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines',
    events: USER_EVENTS,
    prefetch: 20,
    // Jobs with the texts of posts: their worker does not learn of erasures.
    eraseElsewhere: (personId) => removeParkedJobs(beanstalkd, PostCreate.tube, personId),
    handle: (message) => applyEvent(deps, message),
  });
  // Not in the transaction that creates the post: the lock on the head would serialize all of these.
  const append = batchCalls(
    async (batch: readonly StreamedPost[]) => {
      await appendPosts(deps.database, batch);
      return batch.map(() => undefined);
    },
    { maxSize: STREAM_BATCH, paceMs: STREAM_PACE_MS, isOutage: isConnectionFailure },
  );
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines-stream',
    events: [PostCreated],
    prefetch: STREAM_BATCH,
    handle: ({ data }) => append({ id: data.id, authorId: data.author_id }),
  });
  // Announced again: whoever deleted the post may have been killed before it announced that.
  consumeEvents(deps.runtime, rabbit, {
    consumer: 'timelines-deletions',
    events: [PostDeleted],
    prefetch: 20,
    handle: ({ data }) => deps.changes.announce([{ kind: 'post', postId: data.id }]),
  });
}
