import type { AttemptResult } from '../model/attempt';

/** Statuses by which an instance says that it cannot respond now, but another one may. */
export const RETRIABLE_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** What the status of a response says about the instance. */
export function attemptResultOf(status: number): AttemptResult {
  if (status < 500) return 'answered';
  return RETRIABLE_STATUSES.has(status) ? 'unavailable' : 'application-error';
}
