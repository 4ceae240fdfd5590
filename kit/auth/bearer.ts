import { Unauthenticated } from '../errors/problem';

/** RFC 6750, section 3: the challenge in a response to a missing token. */
export const BEARER_CHALLENGE = { 'www-authenticate': 'Bearer' };

const SCHEME = 'Bearer';
const SPACE = 0x20;

/**
 * The token in an `Authorization` value (RFC 6750, section 2.1).
 *
 * @returns null when the header is missing; undefined when it is not exactly one bearer token
 */
export function parseBearer(authorization: string | null | undefined): string | null | undefined {
  if (authorization === null || authorization === undefined) return null;
  if (authorization.charCodeAt(SCHEME.length) !== SPACE) return undefined;
  if (!authorization.startsWith(SCHEME) && authorization.slice(0, SCHEME.length).toLowerCase() !== 'bearer')
    return undefined;
  const token = authorization.slice(SCHEME.length + 1);
  return token === '' || token.includes(' ') ? undefined : token;
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
