/** The mean service time of tasks, and from it how long others wait. Pure: all times come from the caller. */
export interface ServiceTime {
  readonly meanMs: number;
  /** Counts a task that took `ms`. */
  record(ms: number): void;
  /** How many tasks are started within `ms`. */
  startedWithin(ms: number): number;
  /** How long it takes until `waiting` tasks have been started. */
  drainMs(waiting: number): number;
  /**
   * Books a task that was turned away, and says when to try again: after what is waiting, and spread over the time that
   * it takes to serve all who have been turned away lately, so that they do not return together.
   */
  retryAfterSeconds(waiting: number, nowMs: number): number;
}

/** Exponentially weighted: the last ten tasks make two thirds of the mean; the first ten have equal parts in it. */
const WEIGHT = 0.1;
/** One pause of the machine is not a slow service; a slower service is noticed within ten tasks all the same. */
const MAX_GROWTH = 4;
const MAX_RETRY_AFTER_SECONDS = 30;

/**
 * @param options.meanMs assumed before anything has been measured
 * @param options.random between 0 and 1
 */
export function createServiceTime(options: {
  concurrent: number;
  meanMs: number;
  random?: () => number;
}): ServiceTime {
  const { concurrent, random = Math.random } = options;
  let { meanMs } = options;
  let samples = 0;
  /** Work that was turned away, and has not had the time to be served since. */
  let backlogMs = 0;
  let bookedAtMs = 0;
  const drainMs = (waiting: number) => (waiting * meanMs) / concurrent;
  return {
    get meanMs() {
      return meanMs;
    },
    record(ms) {
      const weight = Math.max(WEIGHT, 1 / ++samples);
      meanMs += (Math.min(Math.max(0, ms), meanMs * MAX_GROWTH) - meanMs) * weight;
      // Never zero, from which it could not grow again.
      meanMs = Math.max(meanMs, MIN_MEAN_MS);
    },
    startedWithin: (ms) => Math.floor((ms * concurrent) / meanMs),
    drainMs,
    retryAfterSeconds(waiting, nowMs) {
      backlogMs = Math.max(0, backlogMs - Math.max(0, nowMs - bookedAtMs)) + drainMs(1);
      bookedAtMs = nowMs;
      const seconds = Math.ceil((drainMs(waiting) + random() * backlogMs) / 1_000);
      return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds));
    },
  };
}

const MIN_MEAN_MS = 0.01;
