import type { Attempt } from '../decision';
import type { RetryBudget } from '../routing/retry-budget';
import type { Try } from './explanation';

/** One of several tries of a request; for a request with one try it is not made. */
export interface RoutedTry {
  readonly kind: Try['kind'];
  readonly attempt: Attempt;
  /** What the instance answered; 0 without an answer, and of the last one, whose is the request's. */
  status: number;
  /** The retry budget when it was begun; null for the first. */
  readonly budget: { readonly inUse: number; readonly allowed: number } | null;
}

/**
 * The tries of a request with one more.
 *
 * @param tries null while there was but one
 * @param status what the try before it was answered with; 0 without an answer
 */
export function withTry(
  tries: RoutedTry[] | null,
  kind: 'retry' | 'hedge',
  before: Attempt,
  status: number,
  next: Attempt,
  retryBudget: RetryBudget,
): RoutedTry[] {
  const known: RoutedTry[] = tries ?? [{ kind: 'first', attempt: before, status: 0, budget: null }];
  const last = known.at(-1);
  if (last !== undefined) last.status = status;
  const budget = { inUse: retryBudget.inUse(), allowed: retryBudget.allowed() };
  known.push({ kind, attempt: next, status: 0, budget });
  return known;
}
