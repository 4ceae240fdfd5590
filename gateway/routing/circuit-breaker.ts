import type { CallOutcome, CircuitBreaker, QueuedRequest } from '../model/resilience';
/** Thresholds of a circuit breaker. */
export interface BreakerThresholds {
  /** Concurrent requests of one service that wait for its response. */
  readonly concurrency: number;
  /** Further ones that are queued. */
  readonly queue: number;
}

export const DEFAULT_THRESHOLDS: BreakerThresholds = { concurrency: 1_024, queue: 256 };

/** Maximum time in the queue, after which a request is rejected. */
export const QUEUE_MS = 1_000;

/** The circuit opens when within a window at least this many requests and half of all had no response. */
const WINDOW_MS = 10_000;
const MIN_FAILURES = 20;
const FAILURE_RATIO = 0.5;
const OPEN_MS = 2_000;

/**
 * A request fails when it has no response: no instance was reachable, or in time, or the response was truncated. Any
 * complete response counts as a success, also a 503: a service whose database is unavailable may still do half of its
 * work, and reports better than the gateway could what it cannot do.
 *
 * An open circuit rejects all requests for two seconds, then admits one probe at a time until one succeeds.
 *
 * @param now monotonic milliseconds
 * @param onChange called when the circuit opens and when it closes
 */
export function createCircuitBreaker(
  thresholds: BreakerThresholds,
  now: () => number,
  onChange: (isOpen: boolean) => void = () => undefined,
): CircuitBreaker {
  const queue = new Set<QueuedRequest>();
  let inFlight = 0;
  let begun = 0;
  /** A window starts with its first failure. */
  let windowEndMs = Number.NEGATIVE_INFINITY;
  let succeeded = 0;
  let failed = 0;
  /** Null while the circuit is closed. */
  let openUntilMs: number | null = null;
  let probing = false;

  function admits(): boolean {
    if (openUntilMs !== null) return !probing && now() >= openUntilMs;
    return inFlight < thresholds.concurrency;
  }

  function admitNext() {
    for (const request of queue) {
      if (!admits()) return;
      queue.delete(request);
      request.admitted();
    }
  }

  function open() {
    if (openUntilMs === null) onChange(true);
    openUntilMs = now() + OPEN_MS;
    windowEndMs = Number.NEGATIVE_INFINITY;
    for (const request of queue) {
      queue.delete(request);
      request.rejected();
    }
  }

  /** Counts a failure. @returns whether it opens the circuit */
  function countFailure(): boolean {
    const nowMs = now();
    if (nowMs >= windowEndMs) {
      windowEndMs = nowMs + WINDOW_MS;
      succeeded = 0;
      failed = 0;
    }
    failed++;
    return failed >= MIN_FAILURES && failed >= (failed + succeeded) * FAILURE_RATIO;
  }

  function update(outcome: CallOutcome) {
    if (openUntilMs === null) {
      if (outcome === 'responded') succeeded++;
      else if (outcome === 'failed' && countFailure()) open();
    } else if (outcome === 'responded') {
      openUntilMs = null;
      onChange(false);
    } else if (probing && outcome === 'failed') open();
    probing = false;
  }

  return {
    admits,
    enqueue(request) {
      if (openUntilMs !== null || queue.size >= thresholds.queue) return false;
      queue.add(request);
      return true;
    },
    withdraw: (request) => void queue.delete(request),
    begin() {
      inFlight++;
      begun++;
      if (openUntilMs !== null) probing = true;
    },
    end(outcome) {
      inFlight--;
      update(outcome);
      if (queue.size > 0) admitNext();
    },
    instancesChanged() {
      if (openUntilMs !== null) openUntilMs = now();
    },
    get inFlight() {
      return inFlight;
    },
    get begun() {
      return begun;
    },
    get queued() {
      return queue.size;
    },
    get isOpen() {
      return openUntilMs !== null;
    },
    retryAfterSeconds: () => Math.max(1, Math.ceil(((openUntilMs ?? 0) - now()) / 1_000)),
  };
}
