/** Initial cost of an instance (linkerd's default). */
export const START_MS = 30;
/** Time constant of the moving average: by then the weight of an observation has decayed by e (linkerd's default). */
const DECAY_MS = 10_000;
/** Cost of a failure, that of the slowest attempt: an instance that fails fast must not look fast. */
export const FAILURE_MS = 5_000;
/** Minimum to which the cost of an idle instance decays, so that it can still be compared. */
const MIN_COST_MS = 0.1;

/** Response latency of an instance, as a moving average that rises at once and falls slowly. */
export interface Latency {
  /** A request was sent, and its response is pending. */
  sent(nowMs: number): void;
  /** A pending request has ended. @param responded false when it was abandoned */
  settled(responded: boolean, nowMs: number): void;
  observe(isSuccess: boolean, latencyMs: number, nowMs: number): void;
  /** Resets it to the initial cost. */
  reset(): void;
  /** Milliseconds, decaying while nothing is observed: a slow instance gets another chance. */
  costMs(nowMs: number): number;
}

/**
 * Peak EWMA (Finagle, linkerd): a latency above the mean replaces it, one below moves it by the age of the mean. An
 * instance with pending requests and no response for longer than its mean costs as much as it has been silent: one that
 * hangs is avoided long before the first of its requests times out.
 *
 * @param createdMs monotonic milliseconds
 */
export function createLatency(createdMs: number): Latency {
  let meanMs = START_MS;
  /** Until something was observed the mean is initial, and the first observation replaces it. */
  let isInitial = true;
  let observedAtMs = createdMs;
  let pending = 0;
  let respondedAtMs = createdMs;

  const decay = (nowMs: number) => Math.exp(-Math.max(0, nowMs - observedAtMs) / DECAY_MS);

  return {
    sent(nowMs) {
      if (pending === 0) respondedAtMs = nowMs;
      pending++;
    },
    settled(responded, nowMs) {
      pending--;
      if (responded) respondedAtMs = nowMs;
    },
    observe(isSuccess, latencyMs, nowMs) {
      const sampleMs = isSuccess ? latencyMs : Math.max(latencyMs, FAILURE_MS);
      const weight = decay(nowMs);
      meanMs = isInitial || sampleMs > meanMs ? sampleMs : meanMs * weight + sampleMs * (1 - weight);
      isInitial = false;
      observedAtMs = nowMs;
    },
    reset() {
      meanMs = START_MS;
      isInitial = true;
    },
    costMs(nowMs) {
      const silentMs = pending === 0 ? 0 : nowMs - respondedAtMs;
      return Math.max(MIN_COST_MS, meanMs * decay(nowMs), silentMs);
    },
  };
}
