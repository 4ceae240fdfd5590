import { isDeletion, type SequencedFrame } from './frames';

const MOST_FRAMES = 1_000;
const MOST_CHARACTERS = 256 * 1024;

/** The newest frames of a room, so that many who come back at once do not each ask the database. */
export interface RecentFrames {
  /** The next frame in order. */
  add(frame: SequencedFrame): void;
  /** At most `limit` frames after a number; undefined when they are not all here. */
  after(seq: number, limit: number): SequencedFrame[] | undefined;
}

export function createRecentFrames(): RecentFrames {
  let frames: SequencedFrame[] = [];
  let characters = 0;

  function shorten(): void {
    let dropped = 0;
    while (frames.length - dropped > MOST_FRAMES / 2 || characters > MOST_CHARACTERS / 2) {
      characters -= frames[dropped]?.text.length ?? 0;
      dropped++;
    }
    frames = frames.slice(dropped);
  }

  return {
    add(frame) {
      // What was deleted may be among them. The database no longer has it.
      if (isDeletion(frame)) {
        frames = [];
        characters = 0;
      }
      frames.push(frame);
      characters += frame.text.length;
      // By halves, so that it is not done again at the next.
      if (frames.length > MOST_FRAMES || characters > MOST_CHARACTERS) shorten();
    },
    after(seq, limit) {
      const [oldest] = frames;
      if (oldest === undefined || oldest.seq > seq + 1) return undefined;
      const start = seq + 1 - oldest.seq;
      return frames.slice(start, start + limit);
    },
  };
}
