import { defineProblem, Problem } from '#kit/errors/problem';
import type { MalformedMessage } from '../http1/malformed-message';

export const ServiceUnavailable = defineProblem('service.unavailable', 503, 'Service unavailable');
export const UpstreamTimeout = defineProblem('upstream.timeout', 504, 'Upstream timeout');
export const UpstreamBadResponse = defineProblem('upstream.bad-response', 502, 'Invalid upstream response');
export const LoopDetected = defineProblem('request.loop', 508, 'Loop detected');
export const RequestTimeout = defineProblem('request.timeout', 408, 'Request timeout');
export const AmbiguousPath = defineProblem('request.path-refused', 400, 'Ambiguous request path');
export const NotImplemented = defineProblem('request.not-implemented', 501, 'Not implemented');
export const RateLimited = defineProblem('rate.limited', 429, 'Rate limit exceeded');
export const NotCached = defineProblem('cache.nothing-kept', 504, 'No cached response');
export const UnknownRequest = defineProblem('explain.unknown-request', 404, 'Request not found');

/** Sent with every 503, in seconds. */
export const RETRY_AFTER = { 'retry-after': '1' };

/** @param seconds until a retry makes sense */
export const serviceUnavailable = (seconds: number): Problem =>
  new ServiceUnavailable({ headers: { 'retry-after': String(seconds) } });

const TITLES: Record<MalformedMessage['status'], string> = {
  400: 'Malformed HTTP request',
  405: 'Method not allowed',
  414: 'URI too long',
  417: 'Expectation failed',
  431: 'Request header fields too large',
  501: 'Not implemented',
  505: 'HTTP version not supported',
};

const CODES: Record<MalformedMessage['status'], string> = {
  400: 'request.malformed',
  405: 'route.method-not-allowed',
  414: 'request.address-too-long',
  417: 'request.expectation-failed',
  431: 'request.header-too-large',
  501: 'request.not-implemented',
  505: 'request.version-not-supported',
};

/** The problem of bytes that are no acceptable HTTP request. */
export function problemOfMalformedMessage({ status, message }: MalformedMessage): Problem {
  const headers: Record<string, string> =
    status === 405 ? { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' } : {};
  return new Problem(CODES[status], status, TITLES[status], { detail: message, headers });
}
