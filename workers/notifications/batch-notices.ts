import type { Notice } from '#contracts/gen/notifications/v1/notifications';
import { batchCalls } from '#kit/core/queues/batches';
import { Problem } from '#kit/errors/problem';

/** The limit of one call of the notifications service. */
const MAX_NOTICES = 200;
/** A notification may come this much later under load; every call costs a transaction. */
const PACE_MS = 20;

export type RecordNotices = (notices: readonly Notice[]) => Promise<void>;

/**
 * Batches notices: those that arrive while a call is in flight share the next one. Otherwise each of thousands of likes of
 * one post would wait for a transaction of its own on the same row.
 *
 * @param record takes at most 200 notices, more only of a single event. When a call shared by several events fails, each is
 *   recorded by itself, so that one rejected event does not fail the others.
 * @returns settles for each caller as the recording of its own notices did
 */
export const batchNotices = (record: RecordNotices): RecordNotices =>
  batchCalls(
    async (batch: readonly (readonly Notice[])[]) => {
      await record(batch.flat());
      return batch.map(() => undefined);
    },
    { maxSize: MAX_NOTICES, sizeOf: (notices) => notices.length, paceMs: PACE_MS, isOutage },
  );

/** During an outage recording one by one would only multiply the failing calls. */
const isOutage = (failure: unknown): boolean =>
  failure instanceof Problem && (failure.status === 503 || failure.status === 504);
