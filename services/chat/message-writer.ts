import { Histogram } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import { type Appended, appendMessages, type Draft, type MessageRow } from './messages-store';
import { RoomBusy } from './model';
import type { RoomRow } from './rooms-store';

/** Kept in one transaction. Each is 64 KiB at worst, and MariaDB takes 16 MiB in one statement. */
const MOST_AT_ONCE = 100;
/** Messages of a room that wait for their transaction; beyond it senders are told to wait. */
const MOST_WAITING = 2_000;

export interface MessageWriter {
  /**
   * Keeps a message. Those that come while another transaction of the room is running share the next one: a room
   * takes as many messages as come, not as many as there are commits in a second.
   *
   * @throws RoomBusy when too many are waiting; what the database throws
   */
  write(room: RoomRow, draft: Draft): Promise<Appended>;
}

interface Waiting {
  readonly draft: Draft;
  readonly settle: PromiseWithResolvers<Appended>;
}

/** @param written is told of what is new and kept, in order, before those who wrote it */
export function createMessageWriter(
  runtime: Runtime,
  database: Database,
  written: (room: RoomRow, rows: readonly MessageRow[]) => void,
): MessageWriter {
  const queues = new Map<number, Waiting[]>();
  const batchSizes = new Histogram({
    name: 'chat_messages_per_commit',
    help: 'Messages kept in one transaction',
    buckets: [1, 2, 5, 10, 20, 50, 100],
    registers: [runtime.metrics],
  });

  async function writeAll(room: RoomRow, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MOST_AT_ONCE);
      try {
        const appended = await appendMessages(
          database,
          room.id,
          batch.map(({ draft }) => draft),
        );
        const rows = appended.flatMap(({ row, isNew }) => (isNew ? [row] : []));
        if (rows.length > 0) written(room, rows);
        batchSizes.observe(batch.length);
        batch.forEach(({ settle }, index) => {
          const result = appended[index];
          if (result !== undefined) settle.resolve(result);
        });
      } catch (failure) {
        for (const { settle } of batch) settle.reject(failure);
      }
    }
    queues.delete(room.id);
  }

  return {
    async write(room, draft) {
      const settle = Promise.withResolvers<Appended>();
      const queue = queues.get(room.id);
      if (queue === undefined) {
        const started = [{ draft, settle }];
        queues.set(room.id, started);
        void writeAll(room, started);
      } else if (queue.length < MOST_WAITING) queue.push({ draft, settle });
      else throw new RoomBusy({ detail: 'Wait a moment before the next message.' });
      return settle.promise;
    },
  };
}
