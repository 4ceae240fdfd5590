import { Problem } from '#kit/errors/problem';

/** The response of the ledger, or the error code with which it permanently rejected the call. */
export type LedgerResult<Response> = { readonly response: Response } | { readonly rejection: string };

/** A missing account or transfer, a conflict with the ledger's state, and an invalid request: a retry fails the same. */
const PERMANENT_STATUSES = new Set([404, 409, 422]);

/**
 * Waits for a call of the accounts service.
 *
 * @throws what the call threw, when a retry may succeed
 */
export async function ledgerResult<Response>(call: Promise<Response>): Promise<LedgerResult<Response>> {
  try {
    return { response: await call };
  } catch (failure) {
    if (failure instanceof Problem && PERMANENT_STATUSES.has(failure.status))
      return { rejection: failure.code };
    throw failure;
  }
}
