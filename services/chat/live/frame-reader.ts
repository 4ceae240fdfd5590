import { Counter } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import { readSequence } from '../messages/store';
import type { RoomRow } from '../rooms/store';
import { changeFrame, messageFrame, type SequencedFrame } from './frames';
import { PAGE_FRAMES, type ReadFrames } from './room-channel';

/** Reads frames from the database. Connections that recover together share one query for the same range. */
export function createFrameReader(runtime: Runtime, database: Database): ReadFrames {
  const inFlight = new Map<string, Promise<SequencedFrame[]>>();
  const framesRead = new Counter({
    name: 'chat_frames_read_back_total',
    help: 'Frames read from the database, because they were missed or a client recovered',
    registers: [runtime.metrics],
  });
  return (room, afterSeq, lastSeq) => {
    const untilSeq = Math.min(lastSeq, afterSeq + PAGE_FRAMES);
    // A query that began before the room changed is not shared with those who know that it did.
    const key = `${room.id} ${room.revision} ${afterSeq} ${lastSeq}`;
    let reading = inFlight.get(key);
    if (reading === undefined) {
      reading = readFrames(database, room, { afterSeq, untilSeq }).finally(() => inFlight.delete(key));
      inFlight.set(key, reading);
      reading.then(
        (frames) => framesRead.inc(frames.length),
        () => undefined,
      );
    }
    return reading;
  };
}

async function readFrames(
  database: Database,
  room: Pick<RoomRow, 'id' | 'name'>,
  range: { afterSeq: number; untilSeq: number },
): Promise<SequencedFrame[]> {
  const { messages, changes } = await readSequence(database, room.id, range);
  return [
    ...messages.map((row) => messageFrame(room, row)),
    ...changes.map((row) => changeFrame(room, row)),
  ].sort((left, right) => left.seq - right.seq);
}
