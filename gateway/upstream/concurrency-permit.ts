import type { Deadline } from '../downstream/deadlines';
import type { CallOutcome, CircuitBreaker, QueuedRequest } from '../model/resilience';
import { QUEUE_MS } from '../routing/circuit-breaker';

/** The request a permit is for. */
export interface PermitHolder {
  start(): void;
  unavailable(): void;
}

/**
 * A request's permit to occupy its service, and before that its queue entry. A class, because there is one for
 * every forwarded request.
 */
export class ConcurrencyPermit implements QueuedRequest {
  isQueued = false;
  queuedMs = 0;
  private isHeld = false;
  private queuedAtMs = 0;

  constructor(
    private readonly breaker: CircuitBreaker,
    /** Expires when the request was queued for too long. */
    private readonly deadline: Deadline,
    private readonly holder: PermitHolder,
  ) {}

  /** Starts the request at once when there is capacity, else queues or rejects it. */
  request(): void {
    const { breaker, holder } = this;
    if (breaker.admits()) holder.start();
    else if (breaker.enqueue(this)) {
      this.isQueued = true;
      this.queuedAtMs = performance.now();
      this.deadline.set(QUEUE_MS);
    } else holder.unavailable();
  }

  /** The request is complete: from now on the service processes it. */
  acquire(): void {
    this.isHeld = true;
    this.breaker.begin();
  }

  release(outcome: CallOutcome): void {
    if (this.isQueued) this.dequeue();
    if (!this.isHeld) return;
    this.isHeld = false;
    this.breaker.end(outcome);
  }

  admitted(): void {
    this.dequeue();
    this.holder.start();
  }

  rejected(): void {
    this.dequeue();
    this.holder.unavailable();
  }

  private dequeue(): void {
    this.isQueued = false;
    this.queuedMs = performance.now() - this.queuedAtMs;
    this.deadline.clear();
    this.breaker.withdraw(this);
  }
}
