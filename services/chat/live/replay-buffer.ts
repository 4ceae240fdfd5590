import { isChange, type SequencedFrame } from './frames';

const MAX_FRAMES = 1_000;
const MAX_CHARACTERS = 256 * 1024;

/** The newest frames of a room, so that clients that reconnect together do not each query the database. */
export interface ReplayBuffer {
  /** Appends the next frame in order. */
  add(frame: SequencedFrame): void;
  /** Drops all frames, because stored messages have changed. */
  clear(): void;
  /** At most `limit` frames after a number; undefined when some of them are no longer buffered. */
  after(seq: number, limit: number): SequencedFrame[] | undefined;
}

export function createReplayBuffer(): ReplayBuffer {
  let frames: SequencedFrame[] = [];
  let characters = 0;

  function evict(): void {
    let evicted = 0;
    while (frames.length - evicted > MAX_FRAMES / 2 || characters > MAX_CHARACTERS / 2) {
      characters -= frames[evicted]?.text.length ?? 0;
      evicted++;
    }
    frames = frames.slice(evicted);
  }

  function clear(): void {
    frames = [];
    characters = 0;
  }

  return {
    clear,
    add(frame) {
      // The changed message may be buffered; the database no longer holds what it said.
      if (isChange(frame)) clear();
      frames.push(frame);
      characters += frame.text.length;
      // Down to half, so that not every frame evicts.
      if (frames.length > MAX_FRAMES || characters > MAX_CHARACTERS) evict();
    },
    after(seq, limit) {
      const [oldest] = frames;
      if (oldest === undefined || oldest.seq > seq + 1) return undefined;
      const start = seq + 1 - oldest.seq;
      return frames.slice(start, start + limit);
    },
  };
}
