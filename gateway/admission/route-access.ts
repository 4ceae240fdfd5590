import { admittedPerson, requiredPerson } from '#kit/auth/app-access';
import { BEARER_CHALLENGE, bearerTokenIn } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import { requirePermission } from '#kit/auth/operators';
import type { TokenVerifier } from '#kit/auth/tokens';
import { Problem, Unauthenticated } from '#kit/errors/problem';
import type { HeaderList } from '../http1/message';
import type { AccessRule } from '../model/access-rule';
import { authorizationIn } from './verified-callers';

/** Enforces the access rules of services that leave it to the gateway. */
export interface RouteAccess {
  /** @returns null when the request may proceed */
  check(rule: AccessRule, headers: HeaderList): Promise<Problem | null>;
}

/** The same rules as in `kit/http/access`: an invalid token is rejected even where none is required. */
export const createRouteAccess = (tokens: TokenVerifier): RouteAccess => ({
  async check(rule, headers) {
    try {
      const token = bearerTokenIn(authorizationIn(headers));
      requireAccess(rule, token === null ? null : await tokens.identify(token));
      return null;
    } catch (failure) {
      if (failure instanceof Problem) return failure;
      throw failure;
    }
  },
});

function requireAccess({ auth, scope }: AccessRule, caller: Caller | null): void {
  if (auth === 'optional') {
    if (caller !== null) admittedPerson(caller, scope);
    return;
  }
  if (caller === null) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
  if (auth === 'user') requiredPerson(caller, scope);
  else requirePermission(caller, auth);
}
