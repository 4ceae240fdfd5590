import { sleep } from '../../core/back-off';
import { createIdSequence, type IdSequence } from '../../core/ids';
import { singleFlight } from '../../core/single-flight';
import { DependencyUnavailable } from '../../errors/problem';
import { TRUSTED_MS } from '../leases/lease-keeper';

/** How far ids may be ahead of the clock: 400 more than the four of each millisecond. */
const MAX_AHEAD_MS = 100;
/** A caller waits as long as for a connection of the database. */
const MAX_WAIT_MS = 5_000;
/** A clock that is this far behind the last id is not waited for: another worker number, whose ids end earlier, is. */
const MAX_BEHIND_MS = 1_000;
const PAUSE_MS = 20;

/** All times are milliseconds. */
export interface IdClock {
  /** Since 1970; may step. */
  nowMs(): number;
  /** Never steps. */
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
}

export const ID_CLOCK: IdClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep,
};

/** What its lease allows a maker: a worker number, until a time by its monotonic clock, and ids of a range of times. */
export interface HeldWorker {
  readonly worker: number;
  /** Ids of this millisecond and of earlier ones may belong to earlier holders. */
  readonly afterMs: number;
  /** The mark of the lease: the next holder's ids are later. */
  readonly markMs: number;
  readonly trustedUntilMs: number;
}

export interface IdMaker {
  /**
   * Later than all before it, unless the clock has stepped back by more than a second in between.
   *
   * @throws DependencyUnavailable when none could be made within five seconds
   */
  nextId(): Promise<string>;
  /** Takes over what the lease allows from now on; undefined: nothing. */
  allow(held: HeldWorker | undefined): void;
  /** The time of the last id; undefined when the number has made none. */
  readonly lastMs: number | undefined;
  /** Whether the clock is so far behind that the number cannot make ids for a long time. */
  isBehind(): boolean;
}

/** What the mark of a lease is set to at `nowMs`. */
export const markAt = (nowMs: number): number => nowMs + TRUSTED_MS;

/**
 * Creates a maker of ids, which makes none that its lease does not allow: neither when the lease may have ended, by its
 * monotonic clock, nor of times beyond the mark that is stored with it, whatever the clock says. Two holders of a number
 * therefore never make the same id.
 *
 * @param attend is called when the mark is in the way, or the clock is behind
 */
export function createIdMaker(attend: () => void, clock: IdClock = ID_CLOCK): IdMaker {
  let held: HeldWorker | undefined;
  let sequence: IdSequence | undefined;
  let lastMs: number | undefined;

  function take(): string | undefined {
    if (held === undefined || sequence === undefined || clock.monotonicMs() >= held.trustedUntilMs)
      return undefined;
    const nowMs = clock.nowMs();
    const ms = sequence.timeOfNext(nowMs);
    if (ms > held.markMs || isBehind()) attend();
    if (ms <= held.afterMs || ms > held.markMs || ms > nowMs + MAX_AHEAD_MS) return undefined;
    lastMs = ms;
    return sequence.take(nowMs);
  }

  const isBehind = () => clock.nowMs() + MAX_BEHIND_MS < Math.max(lastMs ?? 0, held?.afterMs ?? 0);

  // One timer for all who wait.
  const pause = singleFlight(() => clock.sleep(PAUSE_MS));

  async function waitForId(): Promise<string> {
    const deadlineMs = clock.monotonicMs() + MAX_WAIT_MS;
    while (clock.monotonicMs() < deadlineMs) {
      await pause();
      const id = take();
      if (id !== undefined) return id;
    }
    throw new DependencyUnavailable({
      headers: { 'retry-after': '1' },
      cause: new Error(held === undefined ? 'No worker number is held' : 'The clock or the lease is behind'),
    });
  }

  return {
    nextId() {
      const id = take();
      return id === undefined ? waitForId() : Promise.resolve(id);
    },
    allow(next) {
      if (next === undefined || next.worker !== held?.worker || next.afterMs !== held.afterMs) {
        sequence = next && createIdSequence(next.worker);
        lastMs = undefined;
      }
      held = next;
    },
    get lastMs() {
      return lastMs;
    },
    isBehind,
  };
}
