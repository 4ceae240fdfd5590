import { admittedPerson, requiredPerson } from '../auth/app-access';
import { BEARER_CHALLENGE, bearerTokenIn } from '../auth/bearer';
import type { Caller } from '../auth/caller';
import type { TokenVerifier } from '../auth/tokens';
import { Unauthenticated } from '../errors/problem';
import { USER_AUTHORIZATION } from './metadata';
import type { IncomingCall } from './server-call';

type UserCall = Pick<IncomingCall, 'metadata' | 'scope'>;

/**
 * The user on whose behalf a service calls.
 *
 * @throws Unauthenticated when there is none, or their access token is invalid
 * @throws InsufficientScope for an app without the scope of the method
 */
export async function callerOf(call: UserCall, tokens: TokenVerifier): Promise<Caller> {
  const caller = await identified(call, tokens);
  if (caller === null) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
  return requiredPerson(caller, call.scope);
}

/** Like `callerOf`, for methods that strangers may call: null for them, and for an app that acts for nobody. */
export async function optionalCallerOf(call: UserCall, tokens: TokenVerifier): Promise<Caller | null> {
  const caller = await identified(call, tokens);
  return caller === null ? null : admittedPerson(caller, call.scope);
}

async function identified(call: UserCall, tokens: TokenVerifier): Promise<Caller | null> {
  const token = bearerTokenIn(call.metadata(USER_AUTHORIZATION));
  return token === null ? null : tokens.identify(token);
}
