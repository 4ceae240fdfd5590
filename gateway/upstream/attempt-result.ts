import type { TryResult } from '../model/attempt';

/** Statuses by which an instance says that it cannot answer now, but another one may. */
export const WORTH_ANOTHER_INSTANCE: ReadonlySet<number> = new Set([502, 503, 504]);

/** What a response's status tells of the instance. */
export function resultOf(status: number): TryResult {
  if (status < 500) return 'answered';
  return WORTH_ANOTHER_INSTANCE.has(status) ? 'unavailable' : 'application-error';
}
