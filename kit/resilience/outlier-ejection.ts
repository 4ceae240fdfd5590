/** Envoy's default (`outlier_detection.consecutive_gateway_failure`). */
const FAILURES_IN_A_ROW = 5;
/** Envoy's defaults: this long times the number of ejections, and never longer than `LONGEST_MS`. */
const BASE_MS = 30_000;
const LONGEST_MS = 300_000;
/** The rest must be able to carry the load, and a fault of all is not to be answered by asking nobody. */
const MOST_OF_ALL = 0.5;

/** How an instance has been doing. Read it freely; only an ejection changes it. */
export interface OutlierState {
  consecutiveFailures: number;
  /** As of the last ejection; `ejectionsNow` tells how many still count. */
  ejections: number;
  /** Monotonic milliseconds until which it gets nothing; null while it takes part. */
  ejectedUntilMs: number | null;
  /** Since when it takes part again, in monotonic milliseconds. */
  returnedAtMs: number;
  /** Whether a request is out that decides whether it takes part again. */
  probing: boolean;
}

/** What has become of an instance's part in a service; null when nothing has. */
export type OutlierChange = 'ejected' | 'returned' | null;

/** Keeps requests from instances of one service that fail one request after the other. */
export interface OutlierEjection {
  /** The instances there are now. Where more than half of them would be ejected, those ejected longest return. */
  setMembers(members: readonly OutlierState[]): void;
  /** @param wasProbe whether the request was sent because `mayProbe` allowed it */
  succeeded(standing: OutlierState, wasProbe: boolean, nowMs: number): OutlierChange;
  failed(standing: OutlierState, wasProbe: boolean, nowMs: number): OutlierChange;
}

export const createOutlierState = (): OutlierState => ({
  consecutiveFailures: 0,
  ejections: 0,
  ejectedUntilMs: null,
  returnedAtMs: 0,
  probing: false,
});

/**
 * Whether an ejected instance may be asked by one request now: its time is over, and no other request is out to find
 * out. Whoever asks sets `probing`, and clears it when the request ended without telling anything.
 *
 * @param repeatable whether the request can be sent to another instance when this one fails it; one that cannot waits
 *   for another 30 s to be the one that finds out
 */
export const mayProbe = (standing: OutlierState, nowMs: number, repeatable: boolean): boolean =>
  standing.ejectedUntilMs !== null &&
  !standing.probing &&
  nowMs >= standing.ejectedUntilMs + (repeatable ? 0 : BASE_MS);

/** Of the ejections so far, those that still count: every 30 s of taking part takes one away. */
export const ejectionsNow = (
  { ejections, ejectedUntilMs, returnedAtMs }: OutlierState,
  nowMs: number,
): number =>
  ejectedUntilMs === null ? Math.max(0, ejections - Math.floor((nowMs - returnedAtMs) / BASE_MS)) : ejections;

/**
 * Outlier ejection as Envoy does it: five failures in a row eject an instance for 30 s times the number of its
 * ejections (300 s at most), but never more than half of all; of one instance, none. Afterwards it is asked by one
 * request at a time until one succeeds.
 *
 * What is a failure decides the caller: an instance that cannot be reached, does not answer in time, breaks off, or says
 * 502, 503 or 504. A plain 500 is none: it is the application's answer to one request, every instance would give
 * it, and somebody who finds a request that provokes it could have half of a service ejected.
 */
export function createOutlierEjection(): OutlierEjection {
  let members: ReadonlySet<OutlierState> = new Set();

  const ejected = () => [...members].filter(({ ejectedUntilMs }) => ejectedUntilMs !== null);
  const mostEjected = () => Math.floor(members.size * MOST_OF_ALL);

  function eject(standing: OutlierState, nowMs: number): OutlierChange {
    standing.ejections = ejectionsNow(standing, nowMs) + 1;
    standing.ejectedUntilMs = nowMs + Math.min(standing.ejections * BASE_MS, LONGEST_MS);
    standing.probing = false;
    return 'ejected';
  }

  function takeBack(standing: OutlierState, nowMs: number): OutlierChange {
    standing.ejectedUntilMs = null;
    standing.returnedAtMs = nowMs;
    standing.consecutiveFailures = 0;
    standing.probing = false;
    return 'returned';
  }

  return {
    setMembers(next) {
      members = new Set(next);
      const longestFirst = ejected().sort((left, right) => untilOf(left) - untilOf(right));
      for (const standing of longestFirst.slice(0, Math.max(0, longestFirst.length - mostEjected())))
        takeBack(standing, untilOf(standing));
    },
    succeeded(standing, wasProbe, nowMs) {
      standing.consecutiveFailures = 0;
      return wasProbe && standing.ejectedUntilMs !== null ? takeBack(standing, nowMs) : null;
    },
    failed(standing, wasProbe, nowMs) {
      if (standing.ejectedUntilMs !== null) return wasProbe ? eject(standing, nowMs) : null;
      standing.consecutiveFailures++;
      const isTooMuch = standing.consecutiveFailures >= FAILURES_IN_A_ROW && members.has(standing);
      return isTooMuch && ejected().length < mostEjected() ? eject(standing, nowMs) : null;
    },
  };
}

const untilOf = ({ ejectedUntilMs }: OutlierState) => ejectedUntilMs ?? 0;
