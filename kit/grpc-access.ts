import { bearerTokenIn } from './bearer';
import { Unauthenticated } from './problem';
import type { Caller, TokenVerifier } from './tokens';

/** Metadata with the access token of the person a call is made for; `authorization` holds the calling service's own. */
export const USER_AUTHORIZATION = 'user-authorization';

/**
 * The person on whose behalf a service calls.
 *
 * @throws Unauthenticated when there is none or their token is not good
 */
export async function callerOf(
  call: { metadata(name: string): string | undefined },
  tokens: TokenVerifier,
): Promise<Caller> {
  const token = bearerTokenIn(call.metadata(USER_AUTHORIZATION));
  if (token === null) throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer' } });
  return tokens.verify(token);
}
