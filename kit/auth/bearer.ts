import { Unauthenticated } from '../errors/problem';

/** RFC 6750, section 3: the challenge in a response to a missing token. */
export const BEARER_CHALLENGE = { 'www-authenticate': 'Bearer' };

/**
 * The token in an `Authorization` value (RFC 6750, section 2.1).
 *
 * @returns null when the header is missing; undefined when it is not exactly one bearer token
 */
export function parseBearer(authorization: string | null | undefined): string | null | undefined {
  if (authorization === null || authorization === undefined) return null;
  const [scheme, token, ...rest] = authorization.split(' ');
  return scheme?.toLowerCase() === 'bearer' && token && rest.length === 0 ? token : undefined;
}

/**
 * Like `parseBearer`, for callers that reject anything else.
 *
 * @returns null when the header is missing
 * @throws Unauthenticated when it is not exactly one bearer token
 */
export function bearerTokenIn(authorization: string | null | undefined): string | null {
  const token = parseBearer(authorization);
  if (token === undefined)
    throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer error="invalid_request"' } });
  return token;
}
