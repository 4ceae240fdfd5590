import { bearerTokenIn } from '../auth/bearer';
import type { Caller } from '../auth/caller';
import type { TokenVerifier } from '../auth/tokens';
import { Unauthenticated } from '../errors/problem';
import { USER_AUTHORIZATION } from './metadata';

/**
 * The user on whose behalf a service calls.
 *
 * @throws Unauthenticated when there is none, or their access token is invalid
 */
export async function callerOf(
  call: { metadata(name: string): string | undefined },
  tokens: TokenVerifier,
): Promise<Caller> {
  const token = bearerTokenIn(call.metadata(USER_AUTHORIZATION));
  if (token === null) throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer' } });
  return tokens.verify(token);
}
