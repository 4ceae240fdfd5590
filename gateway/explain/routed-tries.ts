import type { Attempt } from '../decision';
import type { RetryBudget } from '../routing/retry-budget';
import type { Try } from './explanation';

/** One of several tries of a request; for a request with one try it is not made. */
export interface RoutedTry {
  readonly kind: Try['kind'];
  readonly attempt: Attempt;
  /** What the instance answered; 0 without an answer, and of the last one, whose is the request's. */
  status: number;
  /** The retry budget when it was begun; null for the first, and for one that cost nothing of it. */
  readonly budget: Budget | null;
}

/** All that was sent of one request. */
export interface SentTries {
  /** The last one, or the one whose answer was relayed; null when there was none to be asked. */
  readonly attempt: Attempt | null;
  /** All of them, where there were several. */
  readonly told: readonly RoutedTry[] | null;
  readonly retries: number;
  readonly notRetried: NotRetried | null;
}

/** Why a request that failed was not sent once more. */
export interface NotRetried {
  readonly reason: 'retry-budget' | 'no-other-instance';
  readonly budget: Budget;
}

/** A service's retry budget at one moment: what was sent in addition then, and how much of that may be. */
export interface Budget {
  readonly inUse: number;
  readonly allowed: number;
}

/**
 * The tries of a request with one more.
 *
 * @param tries null while there was but one
 * @param status what the try before it was answered with; 0 without an answer
 * @param budget the retry budget with it; null where it costs nothing of that
 */
export function withTry(
  tries: RoutedTry[] | null,
  kind: 'retry' | 'hedge',
  before: Attempt,
  status: number,
  next: Attempt,
  budget: Budget | null,
): RoutedTry[] {
  const known: RoutedTry[] = tries ?? [{ kind: 'first', attempt: before, status: 0, budget: null }];
  const last = known.at(-1);
  if (last !== undefined) last.status = status;
  known.push({ kind, attempt: next, status: 0, budget });
  return known;
}

export const budgetNow = (retryBudget: RetryBudget): Budget => ({
  inUse: retryBudget.inUse(),
  allowed: retryBudget.allowed(),
});
