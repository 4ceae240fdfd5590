import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import type { ShareLimits } from '#kit/http/shares/shares';
import { createEventStreams, type StreamBatch, type StreamRequest } from '#kit/http/streams/event-streams';
import type { NotificationsDeps } from './deps';
import { listChanged, readPosition, readPositions } from './store';
import { viewsOf } from './views';

/** Every instance polls the positions of its connected readers; what it records itself it streams at once. */
const POLL_MS = 500;
const BATCH_READERS = 500;
const BATCH_NOTIFICATIONS = 50;

export type LiveNotifications = ReturnType<typeof createLiveNotifications>;

/**
 * Notifications as streams of server-sent events: `notification` with its current state, whenever it is new or has a new
 * actor. A reconnecting reader gets each notification that has changed once, in its current state.
 */
export function createLiveNotifications(deps: NotificationsDeps, limits: ShareLimits) {
  const { database } = deps;
  const streams = createEventStreams(deps.runtime, limits);
  let known = new Map<string, number>();

  repeatEvery(
    deps.runtime,
    'polling for notifications to stream',
    { everyMs: POLL_MS, firstRun: 'later' },
    async () => {
      const readers = [...streams.topics()];
      const found = new Map<string, number>();
      for (let start = 0; start < readers.length; start += BATCH_READERS) {
        const positions = await readPositions(database, readers.slice(start, start + BATCH_READERS));
        for (const [userId, position] of positions) found.set(userId, position);
      }
      for (const [userId, position] of found) if (known.get(userId) !== position) streams.wake(userId);
      known = found;
    },
  );

  async function readBatch(userId: string, lastEventId: string | null): Promise<StreamBatch> {
    const head = await readPosition(database, userId);
    const atHead = { position: String(head), more: false };
    if (lastEventId === null) return { ...atHead, events: [] };
    const after = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Number.POSITIVE_INFINITY;
    // A position beyond the head was not assigned by this database.
    if (after > head) return { ...atHead, events: [{ id: String(head), name: 'reload', data: {} }] };
    const rows = await listChanged(database, userId, after, BATCH_NOTIFICATIONS);
    const views = await viewsOf(database, rows);
    return {
      events: rows.map((row, index) => ({
        id: String(row.position),
        name: 'notification',
        data: views[index],
      })),
      position: String(rows.at(-1)?.position ?? after),
      more: rows.length === BATCH_NOTIFICATIONS,
    };
  }

  return {
    open(caller: Caller, request: StreamRequest): Response {
      return streams.open({
        ...request,
        topic: caller.id,
        read: (position) => readBatch(caller.id, position),
      });
    },
    /** Streams what has changed for these people, without waiting for the next poll. */
    wake(userIds: readonly string[]): void {
      for (const userId of new Set(userIds)) streams.wake(userId);
    },
    drain: streams.drain,
  };
}
