import type { Try } from './explanation';

/** How an attempt ended, as far as it says something about the instance. */
export type TryResult =
  /** Status below 500. */
  | 'answered'
  /** 500 and other 5xx: the application failed on this request; the instance may be healthy. */
  | 'application-error'
  /** 502, 503 or 504. */
  | 'unavailable'
  | 'unreachable'
  | 'timeout'
  /** The response was truncated or malformed. */
  | 'broken'
  /** The client disconnected, or another attempt was faster. */
  | 'abandoned';

/** An instance drawn for an attempt with the score that decided: the lowest takes the request. */
export interface Considered {
  readonly instanceId: string;
  readonly score: number;
}

/** An instance excluded from selection, or drawn less often than its weight says. */
export interface HeldBack {
  readonly instanceId: string;
  /** `unhealthy` instances are used when there is no other. */
  readonly reason: 'ejected' | 'starting' | 'draining' | 'unhealthy' | 'no-weight' | 'slow-start';
  /** When an ejected instance may be probed, in monotonic milliseconds. */
  readonly untilMs?: number;
  /** Share of its weight during slow start. */
  readonly share?: number;
}

/** One attempt at one instance: `done` is called exactly once, so that in-flight counts and latencies stay true. */
export interface Attempt {
  readonly instanceId: string;
  readonly host: string;
  readonly port: number;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** The one or two candidates, the selected one first. Computed on access. */
  readonly considered: readonly Considered[];
  /** As of the selection; one list is shared by all attempts until something changes. */
  readonly heldBack: readonly HeldBack[];
  /** Whether it probes an ejected instance. */
  readonly isProbe: boolean;
  /** Null until `done`. */
  readonly result: TryResult | null;
  /** Until the head of the response, or the end of an attempt without one; 0 before. */
  readonly latencyMs: number;
  /** The head of a response below 500 was received at this monotonic time. */
  answered(nowMs: number): void;
  done(result: TryResult, latencyMs: number): void;
  /** It has become a stream without an end of its own (tunnel, server-sent events): draining does not wait for it. */
  detach(): void;
}

/** One of several attempts of a request; not recorded for a request with a single attempt. */
export interface RoutedTry {
  readonly kind: Try['kind'];
  readonly attempt: Attempt;
  /** Response status of the instance; 0 without a response, and for the last attempt, whose status is the request's. */
  status: number;
  /** Retry budget when it began; null for the first attempt, and for one that is not charged to the budget. */
  readonly budget: Budget | null;
}

/** All attempts of one request. */
export interface SentTries {
  /** The last one, or the one whose response was relayed; null when no instance was available. */
  readonly attempt: Attempt | null;
  /** All of them, where there were several. */
  readonly told: readonly RoutedTry[] | null;
  readonly retries: number;
  readonly notRetried: NotRetried | null;
}

/** Why a failed request was not retried. */
export interface NotRetried {
  readonly reason: 'retry-budget' | 'no-other-instance';
  readonly budget: Budget;
}

/** Snapshot of a service's retry budget: retries in flight and their maximum. */
export interface Budget {
  readonly inUse: number;
  readonly allowed: number;
}
