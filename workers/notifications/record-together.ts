import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import { Problem } from '#kit/errors/problem';

/** What the service takes in one call. */
const MOST_NOTICES = 200;

export type RecordNotices = (notices: readonly Notice[]) => Promise<void>;

interface Waiting {
  readonly notices: readonly Notice[];
  readonly settle: PromiseWithResolvers<void>;
}

/**
 * Records what events tell together: those that come while a call is running share the next one. Of thousands who like
 * one post each would else wait for a transaction of its own on the same row.
 *
 * @param record takes at most 200 notices; when a call that several events share is answered with a failure, each is
 *   recorded by itself, so that what is wrong with one is not held against the others
 * @returns settles for each caller as the recording of its own notices did
 */
export function recordTogether(record: RecordNotices): RecordNotices {
  const queue: Waiting[] = [];
  let running = false;

  async function recordAll(): Promise<void> {
    running = true;
    while (queue.length > 0) await recordBatch(takeBatch(queue));
    running = false;
  }

  async function recordBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      await record(batch.flatMap(({ notices }) => notices));
      for (const { settle } of batch) settle.resolve();
    } catch (failure) {
      if (batch.length > 1 && !isOutage(failure)) for (const waiting of batch) await recordBatch([waiting]);
      else for (const { settle } of batch) settle.reject(failure);
    }
  }

  return (notices) => {
    const settle = Promise.withResolvers<void>();
    queue.push({ notices, settle });
    if (!running) void recordAll();
    return settle.promise;
  };
}

/** Nobody answered: asking for each by itself would only take the time of all. */
const isOutage = (failure: unknown): boolean =>
  failure instanceof Problem && (failure.status === 503 || failure.status === 504);

/** At least one, whose notices are as many as they are. */
function takeBatch(queue: Waiting[]): Waiting[] {
  let notices = 0;
  let events = 0;
  for (const waiting of queue) {
    notices += waiting.notices.length;
    if (events > 0 && notices > MOST_NOTICES) break;
    events++;
  }
  return queue.splice(0, events);
}
