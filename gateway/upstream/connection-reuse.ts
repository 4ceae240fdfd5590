import type { IncomingResponse } from '../http1/message';

/** A server that states when it closes an idle connection is taken to do so this much earlier, or at half that time. */
const MARGIN_MS = 1_000;

/**
 * How long the connection of a complete response may be idle and be used again, as far as the response says; 0 never.
 *
 * The end of a response to HEAD is not certain: a server that sends a body with it, and some do, may send it a moment
 * later, as the response to the next request.
 */
export function reusableMs({ keepAlive, keepAliveSeconds, framing, status }: IncomingResponse): number {
  if (!keepAlive || framing.kind === 'until-close') return 0;
  if (framing.kind === 'none' && status !== 204 && status !== 304) return 0;
  if (keepAliveSeconds === null) return Number.POSITIVE_INFINITY;
  const keptMs = keepAliveSeconds * 1_000;
  return keptMs - Math.min(MARGIN_MS, keptMs / 2);
}
