import { randomInt } from 'node:crypto';

/** 2015-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2084. */
const EPOCH_MS = Date.UTC(2015, 0, 1);
const WORKER_BITS = 4;
const SEQUENCE_BITS = 8;
const WORKERS = 1 << WORKER_BITS;
/** How many processes can generate ids of one kind concurrently. */
export const ID_WORKERS = WORKERS;
const SEQUENCES = 1 << SEQUENCE_BITS;

/**
 * Creates a generator of time-ordered 53-bit ids: `(ms since 2015-01-01) << 12 | worker(4) << 8 | sequence(8)`. They are
 * exact as JavaScript numbers and as Redis scores, and are sent as decimal strings.
 *
 * A clock that steps back does not produce duplicates: the generator stays at the latest millisecond it has seen, and
 * borrows from the next one when 256 ids are not enough.
 *
 * @param worker 0 to 15, unique among the processes that generate ids of one kind concurrently
 * @throws RangeError for any other worker number
 */
export function createIdGenerator(worker: number, now: () => number = Date.now): () => string {
  if (!Number.isInteger(worker) || worker < 0 || worker >= WORKERS)
    throw new RangeError(`An id generator's worker number must be from 0 to ${WORKERS - 1}`);
  let lastMs = 0;
  let sequence = 0;
  return () => {
    const ms = now() - EPOCH_MS;
    if (ms > lastMs) {
      lastMs = ms;
      sequence = 0;
    } else if (++sequence === SEQUENCES) {
      lastMs++;
      sequence = 0;
    }
    return String(lastMs * WORKERS * SEQUENCES + worker * SEQUENCES + sequence);
  };
}

/** The creation time of an id from `createIdGenerator`. */
export const timeOfId = (id: string): Date =>
  new Date(Math.floor(Number(id) / (WORKERS * SEQUENCES)) + EPOCH_MS);

/** The smallest id that can be generated at or after a time: the start of a range scan. */
export const firstIdAt = (time: Date): string => String((time.getTime() - EPOCH_MS) * WORKERS * SEQUENCES);

/** Whether a text is the decimal form of an id from `createIdGenerator`. */
export const isTimeOrderedId = (text: string): boolean =>
  /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));

/** A random worker number for `createIdGenerator`, where none was assigned. */
export const randomWorker = (): number => randomInt(WORKERS);

/** A UUID of version 7 (RFC 9562) in lower-case text form: time-ordered, which suits primary keys. */
export const uuidv7 = (): string => Bun.randomUUIDv7();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a UUID of any version in lower-case text form. */
export const isUuid = (text: string): boolean => UUID.test(text);
