import type { RetryBudget } from '../model/resilience';

/** Envoy's defaults for a retry budget: of the active requests, and how many at least. */
const SHARE = 0.2;
const LEAST_PLACES = 3;
/** What may be retried without having been earned: gRPC's retry throttling starts with as many tokens. */
const RESERVE = 10;

/**
 * Two bounds, because each alone lets a storm through. Of the active requests a fifth may be in retries (Envoy): that
 * keeps a burst small, but says nothing about how often each of them is sent. So every request that comes in also earns
 * a fifth of a retry (Finagle, gRPC), and a retry costs a whole one: whatever happens, however little traffic there
 * is, no more than 0.2 × incoming + 10 are sent in addition.
 *
 * @param activeRequests how many requests are running now, the asking one included
 * @param incomingRequests how many there have been in all
 */
export function createRetryBudget(activeRequests: () => number, incomingRequests: () => number): RetryBudget {
  let retrying = 0;
  let earned = RESERVE;
  let seen = incomingRequests();

  const allowed = () => Math.max(LEAST_PLACES, activeRequests() * SHARE);

  /** Saved up is at most what a burst may take at once: a healthy hour does not pay for a storm. */
  function earn() {
    const incoming = incomingRequests();
    earned = Math.min(Math.max(RESERVE, activeRequests() * SHARE), earned + (incoming - seen) * SHARE);
    seen = incoming;
  }

  return {
    take(holdsPlace) {
      earn();
      if (earned < 1 || (!holdsPlace && retrying >= allowed())) return false;
      earned--;
      if (!holdsPlace) retrying++;
      return true;
    },
    giveBack(heldPlace) {
      earned++;
      if (!heldPlace) retrying--;
    },
    end() {
      retrying--;
    },
    inUse: () => retrying,
    allowed,
  };
}
