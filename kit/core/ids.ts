import { randomInt } from 'node:crypto';

/** 2015-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2084. */
const EPOCH_MS = Date.UTC(2015, 0, 1);
const WORKER_BITS = 4;
const SEQUENCE_BITS = 8;
const WORKERS = 1 << WORKER_BITS;
/** Processes that can make ids of one kind at the same time. */
export const ID_WORKERS = WORKERS;
const SEQUENCES = 1 << SEQUENCE_BITS;

/**
 * Makes time-ordered ids of 53 bits: `(ms since 2015-01-01) << 12 | worker(4) << 8 | sequence(8)`. They are exact
 * as JavaScript numbers and as Redis scores, and travel as decimal strings.
 *
 * A clock that steps back does not repeat ids: the generator stays at the latest millisecond it has seen,
 * and borrows from the next one when 256 ids were not enough.
 *
 * @param worker 0 to 15, different for each process that makes ids of one kind at the same time
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

/** When an id of `createIdGenerator` was made. */
export const timeOfId = (id: string): Date =>
  new Date(Math.floor(Number(id) / (WORKERS * SEQUENCES)) + EPOCH_MS);

/** The smallest id that can be made at or after a time: the start of a range scan. */
export const firstIdAt = (time: Date): string => String((time.getTime() - EPOCH_MS) * WORKERS * SEQUENCES);

/** True for the decimal form of an id of `createIdGenerator`. */
export const isTimeOrderedId = (text: string): boolean =>
  /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));

/** A number for `createIdGenerator` where none was assigned. */
export const randomWorker = (): number => randomInt(WORKERS);

/** RFC 9562 UUID version 7: time-ordered, so that it makes a good primary key. Lower-case text form. */
export const uuidv7 = (): string => Bun.randomUUIDv7();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isUuid = (text: string): boolean => UUID.test(text);
