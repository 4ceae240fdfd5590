/** Keeps retries from multiplying an outage: they may be a share of what is running, no more. */
export interface RetryBudget {
  /** Takes a place, or says that none is left. */
  take(): boolean;
  /** Gives the place back when the retried request has ended. */
  give(): void;
}

/** Envoy's defaults for a retry budget. */
const SHARE_OF_ACTIVE = 0.2;
const ALWAYS_ALLOWED = 3;

/** @param activeRequests how many requests are running now, the asking one included */
export function createRetryBudget(activeRequests: () => number): RetryBudget {
  let retrying = 0;
  return {
    take() {
      if (retrying >= Math.max(ALWAYS_ALLOWED, activeRequests() * SHARE_OF_ACTIVE)) return false;
      retrying++;
      return true;
    },
    give() {
      retrying--;
    },
  };
}
