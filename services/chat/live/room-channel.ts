import type { Logger } from '#kit/core/log';
import { CLOSE } from '../connections/close-codes';
import type { Connection } from '../connections/connection';
import type { RoomRow, RoomState } from '../rooms/store';
import type { SequencedFrame } from './frames';
import { createReplayBuffer } from './replay-buffer';

/** Frames of other instances may arrive out of order by this much before the gap is read from the database. */
const REORDER_WINDOW_MS = 50;
/** Frames waiting for an earlier one; further ones are dropped and read from the database instead. */
const MAX_PENDING = 5_000;
/** Frames read in one query, of at most 64 KiB each. */
export const PAGE_FRAMES = 100;
/** Sent to a recovering connection at a time; well below the limit of its send queue. */
const BATCH_CHARACTERS = 128 * 1024;

/** Reads the frames after a number up to and including another, at most `PAGE_FRAMES` of them. */
export type ReadFrames = (
  room: Pick<RoomRow, 'id' | 'name' | 'revision'>,
  afterSeq: number,
  untilSeq: number,
) => Promise<SequencedFrame[]>;

/**
 * Delivers a room to this instance's connections. Wherever a frame comes from (written here, published by another
 * instance, read from the database), each is delivered once and in the order of the sequence.
 */
export interface RoomChannel {
  readonly room: RoomRow;
  readonly connections: ReadonlySet<Connection>;
  /** The number up to which everything was delivered. */
  readonly delivered: number;
  /** Monotonic time when the last connection left; undefined while there are connections. */
  readonly emptySinceMs: number | undefined;
  accept(frames: readonly SequencedFrame[]): void;
  /** Reports the room's state in the database: a gap is read from there, and stale frames are not replayed. */
  observe(state: RoomState): void;
  /** Sends everything after the connection's position, then frames as they are delivered. */
  join(connection: Connection): Promise<void>;
  leave(connection: Connection): void;
  /** Sends an unnumbered frame to all connections. */
  broadcast(text: string): void;
}

export function createRoomChannel(room: RoomRow, read: ReadFrames, log: Logger): RoomChannel {
  const connections = new Set<Connection>();
  const caughtUp = new Set<Connection>();
  const replayBuffer = createReplayBuffer();
  const pending = new Map<number, SequencedFrame>();
  let delivered = room.lastSeq;
  let lastKnown = room.lastSeq;
  let revision = room.revision;
  let repairing = false;
  let repairTimer: Timer | undefined;
  let emptySinceMs: number | undefined = performance.now();

  function deliver(): void {
    const batch: SequencedFrame[] = [];
    for (let frame = pending.get(delivered + 1); frame !== undefined; frame = pending.get(delivered + 1)) {
      pending.delete(frame.seq);
      replayBuffer.add(frame);
      batch.push(frame);
      delivered = frame.seq;
    }
    if (batch.length === 0) return;
    for (const connection of caughtUp) connection.sendSequence(batch);
  }

  function accept(frames: readonly SequencedFrame[]): void {
    for (const frame of frames) {
      if (frame.seq <= delivered) continue;
      lastKnown = Math.max(lastKnown, frame.seq);
      if (pending.size < MAX_PENDING) pending.set(frame.seq, frame);
    }
    deliver();
    scheduleRepair(REORDER_WINDOW_MS);
  }

  function scheduleRepair(afterMs: number): void {
    if (lastKnown <= delivered || repairing || repairTimer !== undefined) return;
    repairTimer = setTimeout(() => {
      repairTimer = undefined;
      void repair();
    }, afterMs);
  }

  /** Reads missing frames. After a failure the next frame, or the next poll of the database, starts it again. */
  async function repair(): Promise<void> {
    if (repairing) return;
    repairing = true;
    try {
      while (delivered < lastKnown) {
        const before = delivered;
        for (const frame of await read({ id: room.id, name: room.name, revision }, delivered, lastKnown))
          if (frame.seq > delivered) pending.set(frame.seq, frame);
        deliver();
        if (delivered === before)
          throw new Error(`the database does not hold number ${before + 1} of a room`);
      }
    } catch (failure) {
      log.warn({ err: failure }, 'missed frames of a room could not be read');
    } finally {
      repairing = false;
    }
  }

  async function catchUp(connection: Connection): Promise<void> {
    while (connection.isOpen && connection.position < delivered) {
      // A number that is known and not delivered may be the change of a buffered message.
      const buffered =
        lastKnown > delivered ? undefined : replayBuffer.after(connection.position, PAGE_FRAMES);
      const frames =
        buffered ?? (await read({ id: room.id, name: room.name, revision }, connection.position, lastKnown));
      if (frames.length === 0) throw new Error('the database does not hold delivered frames');
      for (const batch of batchesOf(frames)) {
        connection.sendSequence(batch);
        await connection.drained();
      }
    }
    // In the same tick as the last comparison: nothing can be delivered in between.
    if (connection.isOpen) caughtUp.add(connection);
  }

  return {
    room,
    connections,
    get delivered() {
      return delivered;
    },
    get emptySinceMs() {
      return emptySinceMs;
    },
    accept,
    observe(state) {
      lastKnown = Math.max(lastKnown, state.lastSeq);
      if (state.revision > revision) {
        revision = state.revision;
        replayBuffer.clear();
      }
      scheduleRepair(0);
    },
    async join(connection) {
      connections.add(connection);
      emptySinceMs = undefined;
      try {
        await catchUp(connection);
      } catch (failure) {
        log.warn({ err: failure }, 'missed frames of a connection could not be read');
        connection.close(CLOSE.unavailable);
      }
    },
    leave(connection) {
      caughtUp.delete(connection);
      connections.delete(connection);
      if (connections.size === 0) emptySinceMs = performance.now();
    },
    broadcast(text) {
      for (const connection of connections) connection.send(text);
    },
  };
}

function batchesOf(frames: readonly SequencedFrame[]): SequencedFrame[][] {
  const batches: SequencedFrame[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const frame of frames) {
    characters += frame.text.length;
    if (characters <= BATCH_CHARACTERS) batches.at(-1)?.push(frame);
    else {
      batches.push([frame]);
      characters = frame.text.length;
    }
  }
  return batches;
}
