import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { createEventStreams, type StreamBatch } from '#kit/http/event-streams';
import { type NotificationsDeps, viewsOf } from './service';
import { listChanged, readPosition, readPositions } from './store';

/** Every instance looks this often at those who listen here; what it records itself it tells at once. */
const LOOK_EVERY_MS = 500;
const PEOPLE_PER_LOOK = 500;
const PER_BATCH = 50;

export type LiveNotifications = ReturnType<typeof createLiveNotifications>;

/**
 * Notifications as streams of server-sent events: `notification` with how it stands now, whenever it is new or somebody
 * has joined it. Who comes back gets each that has changed meanwhile once, as it stands.
 */
export function createLiveNotifications(deps: NotificationsDeps, options: { maximumStreams: number }) {
  const { database } = deps;
  const streams = createEventStreams(deps.runtime, { maximum: options.maximumStreams });
  let known = new Map<string, number>();

  repeatEvery(
    deps.runtime,
    'looking for notifications to stream',
    { everyMs: LOOK_EVERY_MS, firstRun: 'later' },
    async () => {
      const listening = [...streams.topics()];
      const found = new Map<string, number>();
      for (let start = 0; start < listening.length; start += PEOPLE_PER_LOOK) {
        const positions = await readPositions(database, listening.slice(start, start + PEOPLE_PER_LOOK));
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
    // A position that was never given here: the database is another one.
    if (after > head) return { ...atHead, events: [{ id: String(head), name: 'reload', data: {} }] };
    const rows = await listChanged(database, userId, after, PER_BATCH);
    const views = await viewsOf(deps, rows);
    return {
      events: rows.map((row, index) => ({
        id: String(row.position),
        name: 'notification',
        data: views[index],
      })),
      position: String(rows.at(-1)?.position ?? after),
      more: rows.length === PER_BATCH,
    };
  }

  return {
    open(
      caller: Caller,
      request: { lastEventId: string | null; mayContinue: () => Promise<boolean> },
    ): Response {
      return streams.open({
        ...request,
        topic: caller.id,
        read: (position) => readBatch(caller.id, position),
      });
    },
    tell(userIds: readonly string[]): void {
      for (const userId of new Set(userIds)) streams.wake(userId);
    },
    drain: streams.drain,
  };
}
