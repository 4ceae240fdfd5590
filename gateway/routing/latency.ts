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
  observe(ok: boolean, latencyMs: number): void;
  /** Milliseconds, fading while nothing is observed: what was slow gets another chance. */
  costMs(): number;
}

/**
 * Peak-EWMA (Finagle, linkerd): a latency above the mean replaces it, one below moves it by its age.
 *
 * @param now monotonic milliseconds
 */
export function createLatency(now: () => number): Latency {
  let meanMs = START_MS;
  let observedAtMs = now();

  const remaining = () => Math.exp(-Math.max(0, now() - observedAtMs) / DECAY_MS);

  return {
    observe(ok, latencyMs) {
      const sampleMs = ok ? latencyMs : Math.max(latencyMs, FAILURE_MS);
      const old = remaining();
      meanMs = sampleMs > meanMs ? sampleMs : meanMs * old + sampleMs * (1 - old);
      observedAtMs = now();
    },
    costMs: () => Math.max(FLOOR_MS, meanMs * remaining()),
  };
}
