import type { Attempt, AttemptRecord, RetryBudgetSnapshot } from '../model/attempt';
import type { RetryBudget } from '../model/resilience';

/** A further attempt, and what the attempt before it came to. */
export interface FurtherAttempt {
  readonly kind: 'retry' | 'hedge';
  readonly previous: Attempt;
  /** Response status of the previous attempt; 0 without a response. */
  readonly previousStatus: number;
  readonly attempt: Attempt;
  /** Retry budget including this attempt; null when it is not charged. */
  readonly budget: RetryBudgetSnapshot | null;
}

/** Appends an attempt to the records of a request. @param records null while there was only one attempt */
export function withAttempt(
  records: AttemptRecord[] | null,
  { kind, previous, previousStatus, attempt, budget }: FurtherAttempt,
): AttemptRecord[] {
  const known: AttemptRecord[] = records ?? [{ kind: 'first', attempt: previous, status: 0, budget: null }];
  const last = known.at(-1);
  if (last !== undefined) last.status = previousStatus;
  known.push({ kind, attempt, status: 0, budget });
  return known;
}

export const snapshotOf = (retryBudget: RetryBudget): RetryBudgetSnapshot => ({
  inUse: retryBudget.inUse(),
  allowed: retryBudget.allowed(),
});
