/** Keeps retries from multiplying an outage: they may be a share of what is running, no more. */
export interface RetryBudget {
  /** Takes a place, or says that none is left. */
  take(): boolean;
  /** Gives the place back when the retried request has ended. */
  give(): void;
  /** Retries running now. */
  inUse(): number;
  /** How many may run now. */
  allowed(): number;
}

/** Envoy's defaults for a retry budget. */
const SHARE_OF_ACTIVE = 0.2;
const ALWAYS_ALLOWED = 3;

/** @param activeRequests how many requests are running now, the asking one included */
export function createRetryBudget(activeRequests: () => number): RetryBudget {
  let retrying = 0;
  const allowed = () => Math.max(ALWAYS_ALLOWED, Math.ceil(activeRequests() * SHARE_OF_ACTIVE));
  return {
    inUse: () => retrying,
    allowed,
    take() {
      if (retrying >= allowed()) return false;
      retrying++;
      return true;
    },
    give() {
      retrying--;
    },
  };
}
