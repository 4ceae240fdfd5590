/** Envoy's default (`outlier_detection.consecutive_gateway_failure`). */
const CONSECUTIVE_FAILURES = 5;
/** Envoy's defaults: the ejection time is this times the number of ejections, up to `MAX_EJECTION_MS`. */
const BASE_MS = 30_000;
const MAX_EJECTION_MS = 300_000;
/** The rest must be able to carry the load, and a failure of all instances must not leave none to call. */
const MAX_EJECTED_SHARE = 0.5;
/** Bounds how often instances change places while all of them fail. */
const EXCHANGE_MS = 1_000;

/** The outlier state of an instance. Only an `OutlierEjection` changes it, apart from `probing`. */
export interface OutlierState {
  consecutiveFailures: number;
  /** As of the last ejection; `ejectionsNow` returns how many still count. */
  ejections: number;
  /** End of the ejection in monotonic milliseconds; null while it is not ejected. */
  ejectedUntilMs: number | null;
  /** When it last returned, in monotonic milliseconds. */
  returnedAtMs: number;
  /** Whether a probe is in flight. */
  probing: boolean;
}

/** A change of an instance's state; null for none. */
export type OutlierChange = 'ejected' | 'returned' | null;

/** Outlier ejection among the instances of one service. */
export interface OutlierEjection {
  /** Sets the current instances. Where more than half of them are ejected, those ejected longest return. */
  setMembers(members: readonly OutlierState[]): void;
  /** @param wasProbe whether the request was sent because `mayProbe` allowed it */
  succeeded(state: OutlierState, wasProbe: boolean, nowMs: number): OutlierChange;
  failed(state: OutlierState, wasProbe: boolean, nowMs: number): OutlierChange;
}

export const createOutlierState = (): OutlierState => ({
  consecutiveFailures: 0,
  ejections: 0,
  ejectedUntilMs: null,
  returnedAtMs: 0,
  probing: false,
});

/**
 * Whether an ejected instance may be probed by a request now: its ejection time is over, and no probe is in flight. The
 * caller sets `probing`, and clears it when the request ends without a conclusive outcome.
 *
 * @param repeatable whether the request can be retried on another instance; others probe only after another 30 s
 */
export const mayProbe = (state: OutlierState, nowMs: number, repeatable: boolean): boolean =>
  state.ejectedUntilMs !== null &&
  !state.probing &&
  nowMs >= state.ejectedUntilMs + (repeatable ? 0 : BASE_MS);

/** The number of ejections that still count: each 30 s without one subtracts one. */
export const ejectionsNow = (
  { ejections, ejectedUntilMs, returnedAtMs }: OutlierState,
  nowMs: number,
): number =>
  ejectedUntilMs === null ? Math.max(0, ejections - Math.floor((nowMs - returnedAtMs) / BASE_MS)) : ejections;

/**
 * Outlier ejection as in Envoy: five consecutive failures eject an instance for 30 s times the number of its ejections
 * (300 s at most), but never more than half of all instances; a single instance is never ejected. Afterwards it is probed
 * by one request at a time until one succeeds. Where no further one may be ejected, an instance that fails takes the
 * place of the one ejected longest, once a second: otherwise a live instance, ejected for a failure of its own
 * dependencies, would leave all requests to one that is gone.
 *
 * The caller decides what a failure is: an instance that is unreachable, times out, resets the connection, or responds
 * with 502, 503 or 504. A plain 500 is not: it is the application's response to one request, which every instance would
 * give, and a client that finds such a request could have half of a service ejected.
 */
export function createOutlierEjection(): OutlierEjection {
  let members: ReadonlySet<OutlierState> = new Set();
  let exchangedAtMs = Number.NEGATIVE_INFINITY;

  const ejected = () => [...members].filter(({ ejectedUntilMs }) => ejectedUntilMs !== null);
  const maxEjected = () => Math.floor(members.size * MAX_EJECTED_SHARE);
  const longestFirst = () => ejected().sort((left, right) => untilOf(left) - untilOf(right));

  function eject(state: OutlierState, nowMs: number): OutlierChange {
    state.ejections = ejectionsNow(state, nowMs) + 1;
    state.ejectedUntilMs = nowMs + Math.min(state.ejections * BASE_MS, MAX_EJECTION_MS);
    state.probing = false;
    return 'ejected';
  }

  function restore(state: OutlierState, nowMs: number): OutlierChange {
    state.ejectedUntilMs = null;
    state.returnedAtMs = nowMs;
    state.consecutiveFailures = 0;
    state.probing = false;
    return 'returned';
  }

  /** @returns whether another instance may be ejected now */
  function makeRoom(nowMs: number): boolean {
    const [longest] = longestFirst();
    if (longest === undefined || nowMs - exchangedAtMs < EXCHANGE_MS) return false;
    exchangedAtMs = nowMs;
    restore(longest, nowMs);
    // Its ejection was cut short: it does not count.
    longest.ejections--;
    return true;
  }

  return {
    setMembers(next) {
      members = new Set(next);
      const tooMany = Math.max(0, ejected().length - maxEjected());
      for (const state of longestFirst().slice(0, tooMany)) restore(state, untilOf(state));
    },
    succeeded(state, wasProbe, nowMs) {
      state.consecutiveFailures = 0;
      return wasProbe && state.ejectedUntilMs !== null ? restore(state, nowMs) : null;
    },
    failed(state, wasProbe, nowMs) {
      if (state.ejectedUntilMs !== null) return wasProbe ? eject(state, nowMs) : null;
      state.consecutiveFailures++;
      const isOutlier = state.consecutiveFailures >= CONSECUTIVE_FAILURES && members.has(state);
      return isOutlier && (ejected().length < maxEjected() || makeRoom(nowMs)) ? eject(state, nowMs) : null;
    },
  };
}

const untilOf = ({ ejectedUntilMs }: OutlierState) => ejectedUntilMs ?? 0;
