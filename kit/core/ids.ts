/** 2015-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2084. */
const EPOCH_MS = Date.UTC(2015, 0, 1);
const WORKER_BITS = 10;
const SEQUENCE_BITS = 2;
/** How many makers can make ids of one kind concurrently. */
export const ID_WORKERS = 1 << WORKER_BITS;
const SEQUENCES = 1 << SEQUENCE_BITS;
const IDS_PER_MS = ID_WORKERS * SEQUENCES;

/** The ids of one worker number, in order. Times are milliseconds since 1970. */
export interface IdSequence {
  /** The time that the next id will carry: that of the clock, or one after the last id's when the clock is behind it. */
  timeOfNext(nowMs: number): number;
  /** The next id. */
  take(nowMs: number): string;
}

/**
 * Creates a sequence of time-ordered 53-bit ids: `(ms since 2015-01-01) << 12 | worker(10) << 2 | sequence(2)`. They are
 * exact as JavaScript numbers and as Redis scores, and are sent as decimal strings. Ids of before, which had a worker of 4
 * bits and a sequence of 8, carry their time in the same bits.
 *
 * A clock that steps back does not produce duplicates: the sequence stays at the latest millisecond it has seen, and
 * borrows from the next one when four ids are not enough. How far it may borrow is for its user to decide.
 *
 * @param worker 0 to 1,023, unique among the makers of ids of one kind
 * @throws RangeError for any other worker number
 */
export function createIdSequence(worker: number): IdSequence {
  if (!Number.isInteger(worker) || worker < 0 || worker >= ID_WORKERS)
    throw new RangeError(`An id maker's worker number must be from 0 to ${ID_WORKERS - 1}`);
  let lastMs = 0;
  let sequence = SEQUENCES - 1;
  const timeOfNext = (nowMs: number) =>
    nowMs > lastMs ? nowMs : sequence + 1 < SEQUENCES ? lastMs : lastMs + 1;
  return {
    timeOfNext,
    take(nowMs) {
      const ms = timeOfNext(nowMs);
      sequence = ms === lastMs ? sequence + 1 : 0;
      lastMs = ms;
      return String((ms - EPOCH_MS) * IDS_PER_MS + worker * SEQUENCES + sequence);
    },
  };
}

/**
 * Creates a generator of the ids of one worker number which borrows as many milliseconds as it needs: where nobody else
 * makes ids, as in tools and tests. Processes of services use `openIdGenerator` (`kit/mysql/ids`).
 *
 * @throws RangeError as `createIdSequence`
 */
export function createIdGenerator(worker: number, now: () => number = Date.now): () => string {
  const sequence = createIdSequence(worker);
  return () => sequence.take(now());
}

/** The creation time of a time-ordered id. */
export const timeOfId = (id: string): Date => new Date(Math.floor(Number(id) / IDS_PER_MS) + EPOCH_MS);

/** The smallest id that can be made at or after a time: the start of a range scan. */
export const firstIdAt = (time: Date): string => String((time.getTime() - EPOCH_MS) * IDS_PER_MS);

/** Whether a text is the decimal form of a time-ordered id. */
export const isTimeOrderedId = (text: string): boolean =>
  /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));

/** A UUID of version 7 (RFC 9562) in lower-case text form: time-ordered, which suits primary keys. */
export const uuidv7 = (): string => Bun.randomUUIDv7();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a UUID of any version in lower-case text form. */
export const isUuid = (text: string): boolean => UUID.test(text);
