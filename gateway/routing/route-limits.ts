import type { RouteClaim } from '#contracts/registry';
import { JSON_BODY_BYTES } from '#kit/http/body/admission';
import type { RouteLimits } from '../model/limits';

const REQUEST_TIMEOUT_MS = 30_000;
const TRY_TIMEOUT_MS = 5_000;

/**
 * The limits of a route. A declared timeout applies to each attempt too: such a route is slow by nature, not because an
 * instance hangs.
 */
export const limitsOf = ({ body_bytes, timeout_ms, hedge_ms }: Partial<RouteClaim>): RouteLimits => ({
  bodyBytes: body_bytes ?? JSON_BODY_BYTES,
  requestTimeoutMs: timeout_ms ?? REQUEST_TIMEOUT_MS,
  tryTimeoutMs: timeout_ms ?? TRY_TIMEOUT_MS,
  hedgeMs: hedge_ms ?? 0,
});
