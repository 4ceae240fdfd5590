import type { Try } from './explanation';

/** How an attempt ended, as far as it says something about the instance. */
export type AttemptResult =
  /** Status below 500. */
  | 'answered'
  /** 500 and other 5xx: the application failed on this request; the instance may be healthy. */
  | 'application-error'
  /** 502, 503 or 504. */
  | 'unavailable'
  /** 503 of an instance that is healthy and turns work away. */
  | 'overloaded'
  | 'unreachable'
  | 'timeout'
  /** The response was truncated or malformed. */
  | 'broken'
  /** The client disconnected, or another attempt was faster. */
  | 'abandoned';

/** An instance drawn for an attempt with the score that decided: the lowest takes the request. */
export interface Candidate {
  readonly instanceId: string;
  readonly score: number;
}

/** An instance excluded from selection, or drawn less often than its weight says. */
export interface ExcludedInstance {
  readonly instanceId: string;
  /** `unhealthy` instances are used when there is no other. */
  readonly reason: 'ejected' | 'starting' | 'draining' | 'unhealthy' | 'no-weight' | 'slow-start';
  /** When an ejected instance may be probed, in monotonic milliseconds. */
  readonly untilMs?: number;
  /** Share of its weight during slow start. */
  readonly share?: number;
}

/** Where an instance listens. */
export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  /** The name that its certificate must be for; null where it serves plain text. Computed on access. */
  readonly tlsName: string | null;
}

/** One attempt at one instance: `done` is called exactly once, so that in-flight counts and latencies stay true. */
export interface Attempt extends UpstreamAddress {
  readonly instanceId: string;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** The one or two candidates, the selected one first. Computed on access. */
  readonly candidates: readonly Candidate[];
  /** As of the selection; one list is shared by all attempts until something changes. */
  readonly excluded: readonly ExcludedInstance[];
  /** Whether it probes an ejected instance. */
  readonly isProbe: boolean;
  /** Null until `done`. */
  readonly result: AttemptResult | null;
  /** What was wrong with the response, or how it broke off; null while nothing was. Quotes nothing of what was received. */
  failure: string | null;
  /** Until the head of the response, or the end of an attempt without one; 0 before. */
  readonly latencyMs: number;
  /** The head of a response below 500 was received at this monotonic time. */
  answered(nowMs: number): void;
  done(result: AttemptResult, latencyMs: number): void;
  /** It has become a stream without an end of its own (tunnel, server-sent events): draining does not wait for it. */
  detach(): void;
}

/** One of several attempts of a request; not recorded for a request with a single attempt. */
export interface AttemptRecord {
  readonly kind: Try['kind'];
  readonly attempt: Attempt;
  /** Response status of the instance; 0 without a response, and for the last attempt, whose status is the request's. */
  status: number;
  /** Retry budget when it began; null for the first attempt, and for one that is not charged to the budget. */
  readonly budget: RetryBudgetSnapshot | null;
}

/** All attempts of one request. */
export interface AttemptHistory {
  /** The last one, or the one whose response was relayed; null when no instance was available. */
  readonly attempt: Attempt | null;
  /** All of them, where there were several. */
  readonly records: readonly AttemptRecord[] | null;
  readonly retries: number;
  readonly notRetried: NotRetried | null;
}

/** Why a failed request was not retried. */
export interface NotRetried {
  readonly reason: 'retry-budget' | 'no-other-instance';
  readonly budget: RetryBudgetSnapshot;
}

/** Snapshot of a service's retry budget: retries in flight and their maximum. */
export interface RetryBudgetSnapshot {
  readonly inUse: number;
  readonly allowed: number;
}
