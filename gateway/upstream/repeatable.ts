import { isField } from '../http1/field-lines';
import type { RequestHead } from '../http1/message';
import type { ForwardDecision } from '../model/decision';

const IDEMPOTENCY_KEY = 'Idempotency-Key';

/** RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export const isIdempotent = ({ method }: RequestHead): boolean => IDEMPOTENT.has(method);

/** Whether a request may be sent again after an instance may have received it: idempotent, or by the key it carries. */
export const isRepeatable = (head: RequestHead, { honoursIdempotencyKey }: ForwardDecision): boolean =>
  isIdempotent(head) ||
  (honoursIdempotencyKey === true &&
    head.headers.some(([name]) => name.length === IDEMPOTENCY_KEY.length && isField(name, IDEMPOTENCY_KEY)));
