import { Unauthenticated } from './problem';
import type { Caller, TokenVerifier } from './tokens';

/**
 * The person on whose behalf a service calls: the access token in the call's `user-authorization` metadata
 * (`authorization` itself holds the calling service's own).
 *
 * @throws Unauthenticated when there is none or it is not good
 */
export async function callerOf(
  call: { metadata(name: string): string | undefined },
  tokens: TokenVerifier,
): Promise<Caller> {
  const [scheme, token] = (call.metadata('user-authorization') ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token) throw new Unauthenticated();
  return tokens.verify(token);
}
