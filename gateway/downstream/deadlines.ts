/** A timeout that is set and cleared many times: per request it costs one write of a number, not a timer. */
export interface Deadline {
  /** Expires in `ms` milliseconds, up to two ticks late, never early. */
  set(ms: number): void;
  clear(): void;
  /** Removes it for good. */
  dispose(): void;
}

export interface DeadlineClock {
  create(expired: () => void): Deadline;
  stop(): void;
}

const TICK_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;

/** One timer for all deadlines of the process. */
export function createDeadlineClock(): DeadlineClock {
  const entries = new Set<{ atMs: number; expired: () => void }>();
  let nowMs = performance.now();

  const timer = setInterval(() => {
    nowMs = performance.now();
    for (const entry of entries) {
      if (entry.atMs > nowMs) continue;
      entry.atMs = NEVER;
      entry.expired();
    }
  }, TICK_MS);
  timer.unref();

  return {
    create(expired) {
      const entry = { atMs: NEVER, expired };
      entries.add(entry);
      return {
        set(ms) {
          // The clock may be one tick behind.
          entry.atMs = nowMs + TICK_MS + ms;
        },
        clear() {
          entry.atMs = NEVER;
        },
        dispose() {
          entries.delete(entry);
        },
      };
    },
    stop: () => clearInterval(timer),
  };
}
