import type { CircuitBreaker, Ending } from '../model/resilience';
import { QUEUE_MS } from './circuit-breaker';

/**
 * Makes a call of the gateway's own when the service has a place for it, and holds that place until it has ended.
 *
 * @param endingOf what a failure says about the service
 * @param refusal made when there is no place, or none becomes free in time
 * @throws the refusal, and whatever the call throws
 */
export async function withPlace<Answer>(
  breaker: CircuitBreaker,
  call: () => Promise<Answer>,
  endingOf: (failure: unknown) => Ending,
  refusal: () => Error,
): Promise<Answer> {
  if (breaker.admits()) breaker.begin();
  else await queue(breaker, refusal);
  let ending: Ending = 'answered';
  try {
    return await call();
  } catch (failure) {
    ending = endingOf(failure);
    throw failure;
  } finally {
    breaker.end(ending);
  }
}

/** Waits for a place, and takes it. */
function queue(breaker: CircuitBreaker, refusal: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter = {
      admitted() {
        clearTimeout(late);
        breaker.begin();
        resolve();
      },
      refused() {
        clearTimeout(late);
        breaker.withdraw(waiter);
        reject(refusal());
      },
    };
    const late = setTimeout(waiter.refused, QUEUE_MS);
    if (!breaker.enqueue(waiter)) waiter.refused();
  });
}
