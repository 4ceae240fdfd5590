import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import { Problem } from '#kit/errors/problem';

/** The limit of one call of the notifications service. */
const MAX_NOTICES = 200;

export type RecordNotices = (notices: readonly Notice[]) => Promise<void>;

interface Pending {
  readonly notices: readonly Notice[];
  readonly result: PromiseWithResolvers<void>;
}

/**
 * Batches notices: those that arrive while a call is in flight share the next one. Otherwise each of thousands of likes of
 * one post would wait for a transaction of its own on the same row.
 *
 * @param record takes at most 200 notices, more only of a single event. When a call shared by several events fails, each is
 *   recorded by itself, so that one rejected event does not fail the others.
 * @returns settles for each caller as the recording of its own notices did
 */
export function batchNotices(record: RecordNotices): RecordNotices {
  const queue: Pending[] = [];
  let isRunning = false;

  async function recordAll(): Promise<void> {
    isRunning = true;
    while (queue.length > 0) await recordBatch(takeBatch(queue));
    isRunning = false;
  }

  async function recordBatch(batch: readonly Pending[]): Promise<void> {
    try {
      await record(batch.flatMap(({ notices }) => notices));
      for (const { result } of batch) result.resolve();
    } catch (failure) {
      if (batch.length > 1 && !isOutage(failure)) for (const pending of batch) await recordBatch([pending]);
      else for (const { result } of batch) result.reject(failure);
    }
  }

  return (notices) => {
    const result = Promise.withResolvers<void>();
    queue.push({ notices, result });
    if (!isRunning) void recordAll();
    return result.promise;
  };
}

/** During an outage recording one by one would only multiply the failing calls. */
const isOutage = (failure: unknown): boolean =>
  failure instanceof Problem && (failure.status === 503 || failure.status === 504);

/** Takes at least one event, however many notices it has. */
function takeBatch(queue: Pending[]): Pending[] {
  let notices = 0;
  let events = 0;
  for (const pending of queue) {
    notices += pending.notices.length;
    if (events > 0 && notices > MAX_NOTICES) break;
    events++;
  }
  return queue.splice(0, events);
}
