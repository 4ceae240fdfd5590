import { DependencyUnavailable } from '#kit/errors/problem';
import { RetryableError } from '#kit/messaging/delivery';

/** As for ejecting an instance (`kit/resilience/outlier-ejection`). */
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;

/** A circuit breaker: after consecutive failures no call is made for a while, and then one failure opens it again. */
export interface Circuit {
  /** @throws RetryableError, without a call, while the circuit is open */
  admit(): void;
  succeeded(): void;
  /** @param reason the kind of failure, without anything a provider has said */
  failed(reason: string): void;
  /** For `/readyz`. @throws DependencyUnavailable with the kind of failure when the last call has failed */
  check(): Promise<undefined>;
}

export function createCircuit(now: () => number = Date.now): Circuit {
  let failures = 0;
  let openUntilMs = 0;
  let lastReason = '';
  return {
    admit() {
      if (now() < openUntilMs) throw new RetryableError(`payment provider unavailable: ${lastReason}`);
    },
    succeeded() {
      failures = 0;
      openUntilMs = 0;
    },
    failed(reason) {
      failures++;
      lastReason = reason;
      if (failures >= FAILURES_TO_OPEN) openUntilMs = now() + OPEN_MS;
    },
    async check() {
      if (failures > 0)
        throw new DependencyUnavailable({
          detail: `${lastReason}, ${failures} in succession; payments wait, and continue once it is back`,
        });
      return undefined;
    },
  };
}
