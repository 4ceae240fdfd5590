import { Problem } from '../errors/problem';
import { PermanentError } from './delivery';

/** Refusals that are not about what was asked: it may be asked again (RFC 9110, RFC 6585). */
const WORTH_ANOTHER_TRY = new Set([401, 408, 425, 429]);

/**
 * For workers that hand their work to a service: what the service refuses for good (4xx) is parked with the problem's
 * code as its reason; everything else is tried again.
 *
 * @throws PermanentError for a refusal; what `call` threw otherwise
 */
export async function parkWhenRefused<Result>(call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (failure) {
    if (failure instanceof Problem && failure.status < 500 && !WORTH_ANOTHER_TRY.has(failure.status))
      throw new PermanentError(`refused with ${failure.code}`);
    throw failure;
  }
}
