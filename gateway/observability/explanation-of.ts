import type {
  Attempt,
  AttemptRecord,
  ExcludedInstance,
  NotRetried,
  RetryBudgetSnapshot,
} from '../model/attempt';
import type { Explanation, Try } from '../model/explanation';

/** A recorded request. */
export interface RecordedRequest {
  readonly method: string;
  readonly route: string;
  readonly service: string | undefined;
  readonly status: number;
  readonly code: string | undefined;
  readonly failure: string | undefined;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly revision: number;
  readonly queuedMs: number;
  /** The last attempt; the only one where `records` is empty. */
  readonly attempt: Attempt | null | undefined;
  readonly records: readonly AttemptRecord[] | null | undefined;
  readonly notRetried: NotRetried | null | undefined;
}

/** A request may have many attempts while many instances are unavailable. */
const MAX_ATTEMPTS = 20;

/** The explanation of a recorded request, as `GET /explain/{request_id}` returns it. */
export function explanationOf(request: RecordedRequest): Explanation {
  const { attempt, status, code, failure, queuedMs, notRetried } = request;
  const single: AttemptRecord[] = attempt ? [{ kind: 'first', attempt, status, budget: null }] : [];
  const records = request.records ?? single;
  return {
    method: request.method,
    route: request.route,
    service: request.service ?? null,
    status,
    ...(code !== undefined && { code }),
    ...(failure !== undefined && { failure }),
    started_at: isoTimeOf(request.startedMs),
    duration_ms: hundredths(request.durationMs),
    registry_revision: request.revision,
    ...(notRetried && {
      not_retried: { reason: notRetried.reason, retry_budget: budgetJson(notRetried.budget) },
    }),
    ...(queuedMs > 0 && { queued_ms: hundredths(queuedMs) }),
    tries: records
      .slice(0, MAX_ATTEMPTS)
      .map((record, index) =>
        attemptJson(record, records.slice(0, index), record.attempt === attempt ? status : record.status),
      ),
    ...(records.length > MAX_ATTEMPTS && { tries_not_kept: records.length - MAX_ATTEMPTS }),
  };
}

function attemptJson(
  { kind, attempt, budget }: AttemptRecord,
  earlier: readonly AttemptRecord[],
  status: number,
): Try {
  const { instanceId, candidates, result, failure, latencyMs } = attempt;
  const alreadyTried = new Set(earlier.map((record) => record.attempt.instanceId));
  return {
    kind,
    instance_id: instanceId,
    considered: candidates.map((one) => ({ instance_id: one.instanceId, score: hundredths(one.score) })),
    held_back: [
      ...[...alreadyTried].map((instance_id) => ({ instance_id, reason: 'already-tried' })),
      ...attempt.excluded.filter((one) => !alreadyTried.has(one.instanceId)).map(excludedJson),
    ],
    ...(attempt.isProbe && { probe: true }),
    outcome: result ?? 'abandoned',
    ...(failure !== null && { failure }),
    ...(RESPONSES.has(result) && status > 0 && { status }),
    latency_ms: hundredths(latencyMs),
    ...(budget !== null && { retry_budget: budgetJson(budget) }),
  };
}

const excludedJson = ({
  instanceId,
  reason,
  untilMs,
  share,
}: ExcludedInstance): Try['held_back'][number] => ({
  instance_id: instanceId,
  reason,
  ...(untilMs !== undefined && { until: isoTimeOf(untilMs) }),
  ...(share !== undefined && { share: hundredths(share) }),
});

const budgetJson = ({ inUse, allowed }: RetryBudgetSnapshot) => ({ in_use: inUse, allowed });

const RESPONSES: ReadonlySet<Attempt['result']> = new Set([
  'answered',
  'application-error',
  'unavailable',
  'overloaded',
]);

/** @param monotonicMs as of `performance.now()` */
export const isoTimeOf = (monotonicMs: number) =>
  new Date(performance.timeOrigin + monotonicMs).toISOString();

const hundredths = (value: number) => Math.round(value * 100) / 100;
