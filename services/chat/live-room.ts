import type { Logger } from '#kit/core/log';
import { CLOSE } from './close-codes';
import type { Connection } from './connection';
import type { SequencedFrame } from './frames';
import { createRecentFrames } from './recent-frames';
import type { RoomRow } from './rooms-store';

/** Numbers of other instances may overtake each other by so much before the database is asked for those between. */
const OVERTAKING_MS = 50;
/** Frames that wait for one before them; beyond it they are read again from the database instead. */
const MOST_HELD = 5_000;
/** Frames of 64 KiB each at worst, read in one go. */
export const PAGE_FRAMES = 100;
/** Sent in one go to a connection that catches up; well below what its send queue may hold. */
const PART_CHARACTERS = 128 * 1024;

/** Reads the frames after a number up to another, at most `PAGE_FRAMES` of them. */
export type ReadFrames = (room: RoomRow, afterSeq: number, untilSeq: number) => Promise<SequencedFrame[]>;

/**
 * A room as far as connections of this instance are in it. Whatever way frames come in (written here, published by
 * another instance, read from the database), they go out in the order of their numbers, each once.
 */
export interface LiveRoom {
  readonly room: RoomRow;
  readonly connections: ReadonlySet<Connection>;
  /** The number up to which everything was sent. */
  readonly delivered: number;
  /** When the last connection left, by the monotonic clock; undefined while there are some. */
  readonly emptyFromMs: number | undefined;
  accept(frames: readonly SequencedFrame[]): void;
  /** The database has numbers up to this one. */
  reach(lastSeq: number): void;
  /** Sends what comes after the connection's position, then everything as it comes. */
  enter(connection: Connection): Promise<void>;
  leave(connection: Connection): void;
  /** Sends something without a number to all. */
  tell(text: string): void;
}

export function createLiveRoom(room: RoomRow, read: ReadFrames, log: Logger): LiveRoom {
  const connections = new Set<Connection>();
  const following = new Set<Connection>();
  const recent = createRecentFrames();
  const held = new Map<number, SequencedFrame>();
  let delivered = room.lastSeq;
  let known = room.lastSeq;
  let mending = false;
  let mendTimer: Timer | undefined;
  let emptyFromMs: number | undefined = performance.now();

  function deliver(): void {
    const batch: SequencedFrame[] = [];
    for (let frame = held.get(delivered + 1); frame !== undefined; frame = held.get(delivered + 1)) {
      held.delete(frame.seq);
      recent.add(frame);
      batch.push(frame);
      delivered = frame.seq;
    }
    if (batch.length === 0) return;
    for (const connection of following) connection.sendSequence(batch);
  }

  function accept(frames: readonly SequencedFrame[]): void {
    for (const frame of frames) {
      if (frame.seq <= delivered) continue;
      known = Math.max(known, frame.seq);
      if (held.size < MOST_HELD) held.set(frame.seq, frame);
    }
    deliver();
    mendSoon(OVERTAKING_MS);
  }

  function mendSoon(afterMs: number): void {
    if (known <= delivered || mending || mendTimer !== undefined) return;
    mendTimer = setTimeout(() => {
      mendTimer = undefined;
      void mend();
    }, afterMs);
  }

  /** Reads what was not heard. A failure is no end: the next number heard, or the next look, begins anew. */
  async function mend(): Promise<void> {
    if (mending) return;
    mending = true;
    try {
      while (delivered < known) {
        const before = delivered;
        for (const frame of await read(room, delivered, known))
          if (frame.seq > delivered) held.set(frame.seq, frame);
        deliver();
        if (delivered === before) throw new Error(`number ${before + 1} of a room is not in the database`);
      }
    } catch (failure) {
      log.warn({ err: failure }, 'what was missed in a room could not be read');
    } finally {
      mending = false;
    }
  }

  async function catchUp(connection: Connection): Promise<void> {
    while (connection.isOpen && connection.position < delivered) {
      const frames =
        recent.after(connection.position, PAGE_FRAMES) ?? (await read(room, connection.position, delivered));
      if (frames.length === 0) throw new Error('the database does not have what was delivered');
      for (const part of partsOf(frames)) {
        connection.sendSequence(part);
        await connection.drained();
      }
    }
    // In the same step as the last comparison: nothing can come in between.
    if (connection.isOpen) following.add(connection);
  }

  return {
    room,
    connections,
    get delivered() {
      return delivered;
    },
    get emptyFromMs() {
      return emptyFromMs;
    },
    accept,
    reach(lastSeq) {
      known = Math.max(known, lastSeq);
      mendSoon(0);
    },
    async enter(connection) {
      connections.add(connection);
      emptyFromMs = undefined;
      try {
        await catchUp(connection);
      } catch (failure) {
        log.warn({ err: failure }, 'what a connection had missed could not be read');
        connection.end(CLOSE.unavailable);
      }
    },
    leave(connection) {
      following.delete(connection);
      connections.delete(connection);
      if (connections.size === 0) emptyFromMs = performance.now();
    },
    tell(text) {
      for (const connection of connections) connection.send(text);
    },
  };
}

function partsOf(frames: readonly SequencedFrame[]): SequencedFrame[][] {
  const parts: SequencedFrame[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const frame of frames) {
    characters += frame.text.length;
    if (characters <= PART_CHARACTERS) parts.at(-1)?.push(frame);
    else {
      parts.push([frame]);
      characters = frame.text.length;
    }
  }
  return parts;
}
