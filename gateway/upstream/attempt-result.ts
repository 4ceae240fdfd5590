import { OVERLOADED_FIELD } from '#kit/errors/problem';
import { isField } from '../http1/field-lines';
import type { IncomingResponse } from '../http1/message';
import type { AttemptResult } from '../model/attempt';

/** Statuses by which an instance says that it cannot respond now, but another one may. */
export const RETRIABLE_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** What a response says about the instance. */
export function attemptResultOf({
  status,
  headers,
}: Pick<IncomingResponse, 'status' | 'headers'>): AttemptResult {
  if (status < 500) return 'answered';
  if (!RETRIABLE_STATUSES.has(status)) return 'application-error';
  return headers.some(([name]) => isField(name, OVERLOADED_FIELD)) ? 'overloaded' : 'unavailable';
}
