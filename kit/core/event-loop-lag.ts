/** While the process is busy. */
const BUSY_EVERY_MS = 20;
/** At rest: a delay is then measured as up to this much shorter than it was. Each sample wakes the processor. */
const RESTING_EVERY_MS = 500;
/** Of one core. Sampling itself uses 0.3 % while busy (measured). */
const BUSY_SHARE = 0.05;

/** The longest delay of the event loop that one observer has not taken yet. */
export interface LagObserver {
  /** Returns it in milliseconds, and starts anew. */
  takeMaxMs(): number;
  stop(): void;
}

/** Measures how late a timer fires, densely while the process works and rarely while it rests. */
export interface LagSampler {
  observe(): LagObserver;
  /**
   * Takes a sample; the first one is due right after the creation.
   *
   * @param usedMs returns the CPU time of the process so far
   * @returns when the next one is due, in milliseconds from now
   */
  sample(nowMs: number, usedMs: () => number): number;
}

/** Creates a sampler without a clock; `observeEventLoopLag` drives the one of a process. */
export function createLagSampler(): LagSampler {
  const longest = new Map<symbol, number>();
  let everyMs = RESTING_EVERY_MS;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let period: { atMs: number; usedMs: number } | undefined;

  function adapt(nowMs: number, usedMs: () => number) {
    if (period !== undefined && nowMs - period.atMs < RESTING_EVERY_MS) return;
    const next = { atMs: nowMs, usedMs: usedMs() };
    if (period !== undefined) {
      const share = (next.usedMs - period.usedMs) / (next.atMs - period.atMs);
      everyMs = share >= BUSY_SHARE ? BUSY_EVERY_MS : RESTING_EVERY_MS;
    }
    period = next;
  }

  return {
    observe() {
      const observer = Symbol('observer');
      longest.set(observer, 0);
      return {
        takeMaxMs() {
          const maxMs = longest.get(observer) ?? 0;
          if (longest.has(observer)) longest.set(observer, 0);
          return maxMs;
        },
        stop: () => void longest.delete(observer),
      };
    },
    sample(nowMs, usedMs) {
      const lateMs = nowMs - dueAtMs;
      for (const [observer, maxMs] of longest) if (lateMs > maxMs) longest.set(observer, lateMs);
      adapt(nowMs, usedMs);
      dueAtMs = nowMs + everyMs;
      return everyMs;
    },
  };
}

let sampler: LagSampler | undefined;

/** Observes the event loop of this process; all observers share one sampler, which runs until the process ends. */
export function observeEventLoopLag(): LagObserver {
  sampler ??= startSampler(createLagSampler());
  return sampler.observe();
}

function startSampler(created: LagSampler): LagSampler {
  const sampleAndWait = () => {
    setTimeout(sampleAndWait, created.sample(performance.now(), usedMs)).unref();
  };
  sampleAndWait();
  return created;
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
