import type { CallOutcome, CircuitBreaker } from '../model/resilience';
import { QUEUE_MS } from './circuit-breaker';

/** How a call behaves with its circuit breaker. */
export interface PermitOptions {
  /** What a failure says about the service. */
  readonly outcomeOf: (failure: unknown) => CallOutcome;
  /** The error of a call that is rejected, or queued for too long. */
  readonly rejection: () => Error;
}

/**
 * Makes a call with a concurrency permit of its service, held until the call has ended.
 *
 * @throws the rejection, and whatever the call throws
 */
export async function withPermit<Result>(
  breaker: CircuitBreaker,
  call: () => Promise<Result>,
  { outcomeOf, rejection }: PermitOptions,
): Promise<Result> {
  if (breaker.admits()) breaker.begin();
  else await enqueue(breaker, rejection);
  let outcome: CallOutcome = 'responded';
  try {
    return await call();
  } catch (failure) {
    outcome = outcomeOf(failure);
    throw failure;
  } finally {
    breaker.end(outcome);
  }
}

/** Waits for a permit, and acquires it. */
function enqueue(breaker: CircuitBreaker, rejection: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = {
      admitted() {
        clearTimeout(timeout);
        breaker.begin();
        resolve();
      },
      rejected() {
        clearTimeout(timeout);
        breaker.withdraw(request);
        reject(rejection());
      },
    };
    const timeout = setTimeout(request.rejected, QUEUE_MS);
    if (!breaker.enqueue(request)) request.rejected();
  });
}
