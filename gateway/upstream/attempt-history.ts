import type { Attempt, Budget, RoutedTry } from '../model/attempt';
import type { RetryBudget } from '../model/resilience';

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
