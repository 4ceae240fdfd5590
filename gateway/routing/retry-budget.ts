import type { RetryBudget } from '../model/resilience';

/** Envoy's defaults for a retry budget: share of the active requests, and minimum concurrency. */
const SHARE = 0.2;
const MIN_CONCURRENCY = 3;
/** Initial tokens: gRPC's retry throttling starts with as many. */
const INITIAL_TOKENS = 10;

/**
 * Two limits, because each alone permits a retry storm. A fifth of the active requests may be retrying (Envoy): that
 * bounds a burst, but not how often each of them is sent. So every incoming request also earns a fifth of a token
 * (Finagle, gRPC), and a retry costs a whole one: at any traffic, at most 0.2 × incoming + 10 additional requests are
 * sent.
 *
 * @param activeRequests requests in flight, the one being retried included
 * @param incomingRequests requests since the start
 */
export function createRetryBudget(activeRequests: () => number, incomingRequests: () => number): RetryBudget {
  let retrying = 0;
  let tokens = INITIAL_TOKENS;
  let seen = incomingRequests();

  const allowed = () => Math.max(MIN_CONCURRENCY, activeRequests() * SHARE);

  /** Tokens are capped at what a burst may take at once: a healthy hour does not pay for a storm. */
  function earn() {
    const incoming = incomingRequests();
    tokens = Math.min(Math.max(INITIAL_TOKENS, activeRequests() * SHARE), tokens + (incoming - seen) * SHARE);
    seen = incoming;
  }

  return {
    take(isRetrying) {
      earn();
      if (tokens < 1 || (!isRetrying && retrying >= allowed())) return false;
      tokens--;
      if (!isRetrying) retrying++;
      return true;
    },
    refund(wasRetrying) {
      tokens++;
      if (!wasRetrying) retrying--;
    },
    end() {
      retrying--;
    },
    inUse: () => retrying,
    allowed,
  };
}
