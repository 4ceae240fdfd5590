import type { Problem } from '#kit/errors/problem';
import type { RequestContext } from './request-context';

/** The places of the streams that run through the gateway, whichever service they come from. */
export interface StreamPlaces {
  /**
   * Verifies the token of a request, so that `take` knows its person. To be awaited before a request that asks for a
   * stream is forwarded; null when there is nothing to wait for.
   */
  identify(context: RequestContext): Promise<void> | null;
  /** Takes a place for the stream that a request has become. @returns releases it; the problem when there is none */
  take(context: RequestContext): (() => void) | Problem;
}

/** Streams without limits. */
export const UNLIMITED_STREAMS: StreamPlaces = { identify: () => null, take: () => () => undefined };
