import type { CircuitBreaker, Ending, Waiter } from '../model/resilience';
/** Where the breaker draws its lines. */
export interface BreakerBounds {
  /** Requests of one service that wait for its answer at the same time. */
  readonly concurrency: number;
  /** Further ones that wait to be sent. */
  readonly queue: number;
}

export const DEFAULT_BOUNDS: BreakerBounds = { concurrency: 1_024, queue: 256 };

/** How long a request waits to be sent before it is told to come back later. */
export const QUEUE_MS = 1_000;

/** The circuit opens when of so many requests, within so long, half got no answer. */
const WINDOW_MS = 10_000;
const LEAST_FAILURES = 20;
const FAILED_SHARE = 0.5;
const OPEN_MS = 2_000;

/**
 * Failed is a request without an answer: nobody could be reached, or in time, or the answer broke off. An answer is an
 * answer, also a 503: a service whose database is away may still do half of its work, and says better than we
 * could what it cannot do.
 *
 * While the circuit is open nobody is asked for two seconds, then one request at a time until one is answered.
 *
 * @param now monotonic milliseconds
 * @param tell hears when it opens and when it has closed
 */
export function createCircuitBreaker(
  bounds: BreakerBounds,
  now: () => number,
  tell: (isOpen: boolean) => void = () => undefined,
): CircuitBreaker {
  const queue = new Set<Waiter>();
  let inFlight = 0;
  let begun = 0;
  /** Counted from the first failure of a window on. */
  let windowEndMs = Number.NEGATIVE_INFINITY;
  let answered = 0;
  let failed = 0;
  /** Null while it is closed. */
  let openUntilMs: number | null = null;
  let probing = false;

  function admits(): boolean {
    if (openUntilMs !== null) return !probing && now() >= openUntilMs;
    return inFlight < bounds.concurrency;
  }

  function admitNext() {
    for (const waiter of queue) {
      if (!admits()) return;
      queue.delete(waiter);
      waiter.admitted();
    }
  }

  function open() {
    if (openUntilMs === null) tell(true);
    openUntilMs = now() + OPEN_MS;
    windowEndMs = Number.NEGATIVE_INFINITY;
    for (const waiter of queue) {
      queue.delete(waiter);
      waiter.refused();
    }
  }

  /** Whether this failure is one too many. */
  function opensBy(): boolean {
    const nowMs = now();
    if (nowMs >= windowEndMs) {
      windowEndMs = nowMs + WINDOW_MS;
      answered = 0;
      failed = 0;
    }
    failed++;
    return failed >= LEAST_FAILURES && failed >= (failed + answered) * FAILED_SHARE;
  }

  function learn(ending: Ending) {
    if (openUntilMs === null) {
      if (ending === 'answered') answered++;
      else if (ending === 'failed' && opensBy()) open();
    } else if (ending === 'answered') {
      openUntilMs = null;
      tell(false);
    } else if (probing && ending === 'failed') open();
    probing = false;
  }

  return {
    admits,
    enqueue(waiter) {
      if (openUntilMs !== null || queue.size >= bounds.queue) return false;
      queue.add(waiter);
      return true;
    },
    withdraw: (waiter) => void queue.delete(waiter),
    begin() {
      inFlight++;
      begun++;
      if (openUntilMs !== null) probing = true;
    },
    end(ending) {
      inFlight--;
      learn(ending);
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
