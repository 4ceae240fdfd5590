import { Histogram } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import type { RoomRow } from '../rooms/store';
import { MessageRefused, RoomBusy } from './model';
import { type Appended, appendMessages, type Draft, isRefusedRow, type MessageRow } from './store';

/** Messages of one transaction. Each has at most 64 KiB, and MariaDB accepts 16 MiB in one statement. */
const MAX_BATCH_SIZE = 100;
/** Messages of a room waiting for their transaction; further ones are refused. */
const MAX_WAITING = 2_000;

export interface MessageWriter {
  /**
   * Stores a message. Those that arrive while a transaction of the room is running share the next one, so that the
   * throughput of a room is not limited to its commits per second.
   *
   * @throws RoomBusy when too many are waiting, MessageRefused when the database never accepts this one; what the database
   *   throws while it is unavailable
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
    while (queue.length > 0) await store(room, queue.splice(0, MAX_BATCH_SIZE));
    queues.delete(room.id);
  }

  /** Many people's messages share a transaction: when the database refuses one of them, each is stored by itself. */
  async function store(room: RoomRow, batch: readonly WaitingMessage[]): Promise<void> {
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
      if (batch.length > 1 && isRefusedRow(failure)) for (const one of batch) await store(room, [one]);
      else for (const { result } of batch) result.reject(reasonFor(failure));
    }
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

const reasonFor = (failure: unknown): unknown =>
  isRefusedRow(failure)
    ? new MessageRefused({ detail: 'Change the message before you send it again.', cause: failure })
    : failure;
