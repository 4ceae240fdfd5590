import { Histogram } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import type { RoomRow } from '../rooms/store';
import { RoomBusy } from './model';
import { type Appended, appendMessages, type Draft, type MessageRow } from './store';

/** Messages of one transaction. Each has at most 64 KiB, and MariaDB accepts 16 MiB in one statement. */
const MAX_BATCH_SIZE = 100;
/** Messages of a room waiting for their transaction; further ones are refused. */
const MAX_WAITING = 2_000;

export interface MessageWriter {
  /**
   * Stores a message. Those that arrive while a transaction of the room is running share the next one, so that the
   * throughput of a room is not limited to its commits per second.
   *
   * @throws RoomBusy when too many are waiting; what the database throws
   */
  write(room: RoomRow, draft: Draft): Promise<Appended>;
}

interface WaitingMessage {
  readonly draft: Draft;
  readonly result: PromiseWithResolvers<Appended>;
}

/** @param onStored called with new messages, in order, before their writers are */
export function createMessageWriter(
  runtime: Runtime,
  database: Database,
  onStored: (room: RoomRow, rows: readonly MessageRow[]) => void,
): MessageWriter {
  const queues = new Map<number, WaitingMessage[]>();
  const batchSizes = new Histogram({
    name: 'chat_messages_per_commit',
    help: 'Messages stored in one transaction',
    buckets: [1, 2, 5, 10, 20, 50, 100],
    registers: [runtime.metrics],
  });

  async function drain(room: RoomRow, queue: WaitingMessage[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH_SIZE);
      try {
        const appended = await appendMessages(
          database,
          room.id,
          batch.map(({ draft }) => draft),
        );
        const rows = appended.flatMap(({ row, isNew }) => (isNew ? [row] : []));
        if (rows.length > 0) onStored(room, rows);
        batchSizes.observe(batch.length);
        batch.forEach(({ result }, index) => {
          const message = appended[index];
          if (message !== undefined) result.resolve(message);
        });
      } catch (failure) {
        for (const { result } of batch) result.reject(failure);
      }
    }
    queues.delete(room.id);
  }

  return {
    async write(room, draft) {
      const result = Promise.withResolvers<Appended>();
      const queue = queues.get(room.id);
      if (queue === undefined) {
        const started = [{ draft, result }];
        queues.set(room.id, started);
        void drain(room, started);
      } else if (queue.length < MAX_WAITING) queue.push({ draft, result });
      else throw new RoomBusy({ detail: 'Wait a moment before the next message.' });
      return result.promise;
    },
  };
}
