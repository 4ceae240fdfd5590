/** What an instance costs before anything is known of it (linkerd's default). */
export const START_MS = 30;
/** The mean's memory: after so long an observation counts e times less (linkerd's default). */
const DECAY_MS = 10_000;
/** A failure costs as much as the longest try: an instance that fails at once must not look fast. */
export const FAILURE_MS = 5_000;
/** Nobody is free: the cost of an idle instance fades this far, so that it can still be compared. */
const FLOOR_MS = 0.1;

/** How long an instance takes to answer, as a moving mean that believes bad news at once and good news slowly. */
export interface Latency {
  /** A request was sent, and its answer is awaited. */
  sent(nowMs: number): void;
  /** @param heard whether it was answered, and not given up */
  settled(heard: boolean, nowMs: number): void;
  observe(ok: boolean, latencyMs: number, nowMs: number): void;
  /** What was observed is not true any more: it costs as much as one of which nothing is known. */
  forget(): void;
  /** Milliseconds, fading while nothing is observed: what was slow gets another chance. */
  costMs(nowMs: number): number;
}

/**
 * Peak-EWMA (Finagle, linkerd): a latency above the mean replaces it, one below moves it by its age. An instance that
 * owes answers and has given none for longer than its mean costs as much as it has been silent: one that hangs is
 * left long before the first of its requests has run out of time.
 *
 * @param bornMs monotonic milliseconds
 */
export function createLatency(bornMs: number): Latency {
  let meanMs = START_MS;
  /** Until something was observed the mean is a guess, and the first observation replaces it. */
  let isGuess = true;
  let observedAtMs = bornMs;
  let awaited = 0;
  let heardAtMs = bornMs;

  const remaining = (nowMs: number) => Math.exp(-Math.max(0, nowMs - observedAtMs) / DECAY_MS);

  return {
    sent(nowMs) {
      if (awaited === 0) heardAtMs = nowMs;
      awaited++;
    },
    settled(heard, nowMs) {
      awaited--;
      if (heard) heardAtMs = nowMs;
    },
    observe(ok, latencyMs, nowMs) {
      const sampleMs = ok ? latencyMs : Math.max(latencyMs, FAILURE_MS);
      const old = remaining(nowMs);
      meanMs = isGuess || sampleMs > meanMs ? sampleMs : meanMs * old + sampleMs * (1 - old);
      isGuess = false;
      observedAtMs = nowMs;
    },
    forget() {
      meanMs = START_MS;
      isGuess = true;
    },
    costMs(nowMs) {
      const silentMs = awaited === 0 ? 0 : nowMs - heardAtMs;
      return Math.max(FLOOR_MS, meanMs * remaining(nowMs), silentMs);
    },
  };
}
