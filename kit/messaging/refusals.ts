import { Problem } from '../errors/problem';
import { PermanentError } from './delivery';

/** Client errors that a retry may fix (RFC 9110, RFC 6585). */
const RETRYABLE_STATUS = new Set([401, 408, 425, 429]);

/**
 * For workers that call a service: a client error (4xx) parks the message with the problem's code as its reason;
 * everything else is retried.
 *
 * @throws PermanentError for a client error; what `call` throws otherwise
 */
export async function parkClientErrors<Result>(call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (failure) {
    if (failure instanceof Problem && failure.status < 500 && !RETRYABLE_STATUS.has(failure.status))
      throw new PermanentError(`rejected with ${failure.code}`);
    throw failure;
  }
}
