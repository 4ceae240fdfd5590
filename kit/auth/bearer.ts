import { Unauthenticated } from '../errors/problem';

/**
 * The token in an `Authorization` value (RFC 6750, 2.1); null where there is none.
 *
 * @throws Unauthenticated when there is something else than one bearer token
 */
export function bearerTokenIn(authorization: string | null | undefined): string | null {
  if (authorization === null || authorization === undefined) return null;
  const [scheme, token, ...rest] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0)
    throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer error="invalid_request"' } });
  return token;
}
