import { defineProblem, Problem } from '#kit/errors/problem';
import type { MalformedMessage } from '../http1/malformed-message';

export const ServiceUnavailable = defineProblem(
  'service.unavailable',
  503,
  'No instance of this service can take the request',
);
export const UpstreamTimeout = defineProblem('upstream.timeout', 504, 'The service did not answer in time');
export const UpstreamBadResponse = defineProblem(
  'upstream.bad-response',
  502,
  'The service gave no usable answer',
);
export const RequestTimeout = defineProblem('request.timeout', 408, 'The request did not arrive in time');

/** Said with every 503, in seconds. */
export const RETRY_AFTER = { 'retry-after': '1' };

/** @param seconds after which asking again makes sense */
export const serviceUnavailable = (seconds: number): Problem =>
  new ServiceUnavailable({ headers: { 'retry-after': String(seconds) } });

const TITLES: Record<MalformedMessage['status'], string> = {
  400: 'This is not a request that can be understood',
  405: 'This address does not answer that method',
  414: 'The address is too long',
  417: 'That expectation cannot be met',
  431: 'The header section is too large',
  501: 'That is not implemented here',
  505: 'This version of HTTP is not spoken here',
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

/** The answer to bytes that are no acceptable request. */
export function problemOfFrameworkError({ status, message }: MalformedMessage): Problem {
  const headers: Record<string, string> =
    status === 405 ? { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' } : {};
  return new Problem(CODES[status], status, TITLES[status], { detail: message, headers });
}
