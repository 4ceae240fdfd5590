import { type Static, t } from 'elysia';

const Considered = t.Object({
  instance_id: t.String(),
  score: t.Number({
    description: 'Latency × load at that moment; the lower one takes the request. 0 where there was but one',
  }),
});

const HeldBack = t.Object({
  instance_id: t.String(),
  reason: t.String({
    description:
      '`ejected` (it failed too often), `starting`, `draining`, `unhealthy` (asked when there is no other), `no-weight`, `slow-start` (it is new, or has come back), `already-tried`',
  }),
  until: t.Optional(t.String({ format: 'date-time', description: 'When an ejected one may be probed' })),
  share: t.Optional(t.Number({ description: 'What one that starts slowly gets of its share' })),
});

const RetryBudget = t.Object({
  in_use: t.Integer({
    description: 'Retries and hedges of the service in this process then, this one included',
  }),
  allowed: t.Integer({ description: 'How many there may be for the load of then' }),
});

/** One try at one instance. */
export const Try = t.Object({
  kind: t.UnionEnum(['first', 'retry', 'hedge'], {
    description: 'A hedge is sent while the try before it is still running',
  }),
  instance_id: t.String({ description: 'The instance that was chosen' }),
  considered: t.Array(Considered, {
    description: 'The instances that were compared: two drawn by weight, or the only one there was',
  }),
  held_back: t.Array(HeldBack, {
    description: 'Instances that were not drawn as their weight says, as it was then',
  }),
  probe: t.Optional(
    t.Boolean({ description: 'It found out whether an instance that had been ejected is well again' }),
  ),
  outcome: t.String({
    description:
      '`answered`, `application-error` (500 and the like), `unavailable` (502, 503, 504), `unreachable`, `timeout`, `broken` (the answer broke off or was no HTTP), `abandoned` (nobody waited for its end: the client left, or another try was faster)',
  }),
  status: t.Optional(t.Integer({ description: 'What the instance answered with' })),
  latency_ms: t.Number({ description: 'Until the head of its response, or until it was given up' }),
  // Missing for the first try, and for one behind a try that reached nobody: that one costs nothing of it.
  retry_budget: t.Optional(RetryBudget),
});
export type Try = Static<typeof Try>;

/** How one request was routed. Of what the client sent it tells the method, and nothing else. */
export const Explanation = t.Object({
  method: t.String(),
  route: t.String({
    description: 'The pattern that matched; `own` and `refused` for what the gateway answered',
  }),
  service: t.Nullable(t.String()),
  status: t.Integer({ description: '499 when the client left before the response was whole' }),
  code: t.Optional(t.String({ description: "Of the gateway's own problem document" })),
  started_at: t.String({ format: 'date-time' }),
  duration_ms: t.Number(),
  registry_revision: t.Integer({ description: 'Of the view of the registry it was routed by' }),
  not_retried: t.Optional(
    t.Object({
      reason: t.UnionEnum(['retry-budget', 'no-other-instance'], {
        description: 'Why the last try, which failed, was not followed by another',
      }),
      retry_budget: RetryBudget,
    }),
  ),
  queued_ms: t.Optional(t.Number({ description: 'How long the circuit breaker held it back' })),
  tries: t.Array(Try, {
    description:
      'In the order they ended; none where no instance was asked over HTTP: over gRPC the client picks',
  }),
  tries_not_kept: t.Optional(t.Integer()),
});
export type Explanation = Static<typeof Explanation>;

const Kept = t.Object({
  requests: t.Integer({ description: 'How many are remembered at the moment' }),
  since: t.String({ format: 'date-time', description: 'All that have ended since then are remembered' }),
});
export type Kept = Static<typeof Kept>;

/** What one process knows of a request. */
export interface Explained {
  readonly requests: Explanation[];
  readonly kept: {
    /** Of the requests that went as they should. */
    readonly ordinary: Kept;
    /** Of those that needed more than one try, had to wait or failed. */
    readonly troubled: Kept;
  };
}

/** All that is known of the requests that had one id. */
export const ExplainedRequest = t.Object({
  request_id: t.String(),
  kept: t.Nullable(t.Object({ ordinary: Kept, troubled: Kept }), {
    description:
      'How far back requests are remembered: those that went as they should, and those that needed more than one try, had to wait or failed; null when no worker answered',
  }),
  silent_workers: t.Array(t.Integer(), {
    description: 'Worker processes that did not answer in time: what they know is missing here',
  }),
  requests: t.Array(t.Composite([t.Object({ worker: t.Integer() }), Explanation]), {
    description: 'Newest first; several when a client has sent the same X-Request-ID more than once',
  }),
});
export type ExplainedRequest = Static<typeof ExplainedRequest>;
