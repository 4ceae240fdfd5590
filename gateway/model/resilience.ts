/** A request in a circuit breaker's queue: exactly one of the two is called, unless the request withdraws. */
export interface QueuedRequest {
  admitted(): void;
  rejected(): void;
}

/** How a request ended its wait, as far as it says something about the service. */
export type CallOutcome = 'responded' | 'failed' | 'unknown';

/**
 * RouteLimits the concurrent requests of one service, and rejects requests while the service as a whole fails.
 *
 * A permit is held from the last byte of a request to the head of its response, while the service processes it. Neither
 * slow uploads, slow readers, tunnels nor event streams hold one: clients cannot exhaust the permits by being slow.
 */
export interface CircuitBreaker {
  /** Whether a request may be sent at once. */
  admits(): boolean;
  /** False when the queue is full or the circuit is open. */
  enqueue(request: QueuedRequest): boolean;
  withdraw(request: QueuedRequest): void;
  /** A request is complete and waits for its response. */
  begin(): void;
  end(outcome: CallOutcome): void;
  /** The set of instances has changed: an open circuit probes at once. */
  instancesChanged(): void;
  readonly inFlight: number;
  /** Requests begun since the process started. */
  readonly begun: number;
  readonly queued: number;
  readonly isOpen: boolean;
  /** Whole seconds until a retry makes sense. */
  retryAfterSeconds(): number;
}

/** Keeps retries and hedges from multiplying an outage: they are limited to a share of the requests. */
export interface RetryBudget {
  /**
   * Charges one retry or hedge; false when the budget is spent.
   *
   * @param isRetrying whether the request counts among those being retried, from an earlier `take`
   */
  take(isRetrying: boolean): boolean;
  /** Undoes a `take` after which nothing was sent. @param wasRetrying as given to that `take` */
  refund(wasRetrying: boolean): void;
  /** The retried request has ended. */
  end(): void;
  /** Requests being retried now. */
  inUse(): number;
  /** Maximum of `inUse` for the current load. */
  allowed(): number;
}
