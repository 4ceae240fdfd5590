import type { Deadline } from '../downstream/deadlines';
import type { CircuitBreaker, Ending, Waiter } from '../model/resilience';
import { QUEUE_MS } from '../routing/circuit-breaker';

/** What a request hears that waited in its service's queue. */
export interface Placed {
  start(): void;
  unavailable(): void;
}

/**
 * A request's place among those its service works on, and before that in the queue. A class, as the exchange it
 * belongs to.
 */
export class Place implements Waiter {
  queued = false;
  queuedMs = 0;
  private held = false;
  private queuedSinceMs = 0;

  constructor(
    private readonly breaker: CircuitBreaker,
    /** Runs out when the queue has taken too long. */
    private readonly deadline: Deadline,
    private readonly request: Placed,
  ) {}

  /** Has the request started at once, when there is room, or refused. */
  enter(): void {
    const { breaker, request } = this;
    if (breaker.admits()) request.start();
    else if (breaker.enqueue(this)) {
      this.queued = true;
      this.queuedSinceMs = performance.now();
      this.deadline.set(QUEUE_MS);
    } else request.unavailable();
  }

  /** The request is whole: from now on the service works on it. */
  take(): void {
    this.held = true;
    this.breaker.begin();
  }

  leave(ending: Ending): void {
    if (this.queued) this.leaveQueue();
    if (!this.held) return;
    this.held = false;
    this.breaker.end(ending);
  }

  admitted(): void {
    this.leaveQueue();
    this.request.start();
  }

  refused(): void {
    this.leaveQueue();
    this.request.unavailable();
  }

  private leaveQueue(): void {
    this.queued = false;
    this.queuedMs = performance.now() - this.queuedSinceMs;
    this.deadline.clear();
    this.breaker.withdraw(this);
  }
}
