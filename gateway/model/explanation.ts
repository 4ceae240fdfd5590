import { type Static, t } from 'elysia';

const Candidate = t.Object({
  instance_id: t.String(),
  score: t.Number({
    description: 'Latency × load at selection; the lower one is selected. 0 where there was only one',
  }),
});

const ExcludedInstance = t.Object({
  instance_id: t.String(),
  reason: t.String({
    description:
      '`ejected` (outlier ejection), `starting`, `draining`, `unhealthy` (used when there is no other), `no-weight`, `slow-start` (new, or returned from an ejection), `already-tried`',
  }),
  until: t.Optional(t.String({ format: 'date-time', description: 'When an ejected instance may be probed' })),
  share: t.Optional(t.Number({ description: 'Share of its weight during slow start' })),
});

const RetryBudget = t.Object({
  in_use: t.Integer({
    description: 'Retries and hedges of the service in flight in this process, this one included',
  }),
  allowed: t.Integer({ description: 'Their maximum for the load at that time' }),
});

/** One attempt at one instance. */
export const Try = t.Object({
  kind: t.UnionEnum(['first', 'retry', 'hedge'], {
    description: 'A hedge is sent while the previous attempt is still running',
  }),
  instance_id: t.String({ description: 'The selected instance' }),
  considered: t.Array(Candidate, {
    description: 'The candidates: two instances drawn by weight, or the only one',
  }),
  held_back: t.Array(ExcludedInstance, {
    description: 'Instances that were excluded or drawn less often than their weight, as of the selection',
  }),
  probe: t.Optional(t.Boolean({ description: 'Probed an ejected instance' })),
  outcome: t.String({
    description:
      '`answered`, `application-error` (500 and other 5xx), `unavailable` (502, 503, 504), `unreachable`, `timeout`, `broken` (truncated or malformed response), `abandoned` (the client disconnected, or another attempt was faster)',
  }),
  failure: t.Optional(
    t.String({ description: 'What was wrong with the response of the instance, or how it broke off' }),
  ),
  status: t.Optional(t.Integer({ description: 'Response status of the instance' })),
  latency_ms: t.Number({ description: 'Until the head of the response, or until the attempt was abandoned' }),
  // Missing for the first attempt, and for one after an unreachable instance: that one is not charged.
  retry_budget: t.Optional(RetryBudget),
});
export type Try = Static<typeof Try>;

/** How one request was routed. Of the request itself only the method is shown. */
export const Explanation = t.Object({
  method: t.String(),
  route: t.String({
    description: 'The matched pattern; `own` and `refused` for responses of the gateway itself',
  }),
  service: t.Nullable(t.String()),
  status: t.Integer({ description: '499 when the client disconnected before the response was complete' }),
  code: t.Optional(t.String({ description: "Of the gateway's own problem document" })),
  failure: t.Optional(
    t.String({ description: 'Why the gRPC call of a transcoded request failed; it has no `tries`' }),
  ),
  started_at: t.String({ format: 'date-time' }),
  duration_ms: t.Number(),
  registry_revision: t.Integer({ description: 'Registry revision the request was routed by' }),
  not_retried: t.Optional(
    t.Object({
      reason: t.UnionEnum(['retry-budget', 'no-other-instance'], {
        description: 'Why the last attempt, which failed, was not retried',
      }),
      retry_budget: RetryBudget,
    }),
  ),
  queued_ms: t.Optional(t.Number({ description: "Time in the circuit breaker's queue" })),
  tries: t.Array(Try, {
    description:
      'Attempts in the order they ended; empty where no instance was called over HTTP: over gRPC the client selects',
  }),
  tries_not_kept: t.Optional(t.Integer()),
});
export type Explanation = Static<typeof Explanation>;

const Retention = t.Object({
  requests: t.Integer({ description: 'Requests retained now' }),
  since: t.String({
    format: 'date-time',
    description: 'All requests that have ended since then are retained',
  }),
});
export type Retention = Static<typeof Retention>;

/** What one process has recorded of a request. */
export interface Explained {
  readonly requests: Explanation[];
  readonly kept: {
    /** Of regular requests. */
    readonly ordinary: Retention;
    /** Of requests that were retried, queued or failed. */
    readonly troubled: Retention;
  };
}

/** All that is recorded of the requests with one id. */
export const ExplainedRequest = t.Object({
  request_id: t.String(),
  kept: t.Nullable(t.Object({ ordinary: Retention, troubled: Retention }), {
    description:
      'Retention of regular requests, and of those that were retried, queued or failed; null when no worker replied',
  }),
  silent_workers: t.Array(t.Integer(), {
    description: 'Worker processes that did not reply in time: their records are missing here',
  }),
  requests: t.Array(t.Composite([t.Object({ worker: t.Integer() }), Explanation]), {
    description: 'Newest first; several when a client sent the same X-Request-ID more than once',
  }),
});
export type ExplainedRequest = Static<typeof ExplainedRequest>;
