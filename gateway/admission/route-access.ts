import { BEARER_CHALLENGE, bearerTokenIn } from '#kit/auth/bearer';
import type { TokenVerifier } from '#kit/auth/tokens';
import { Forbidden, Problem, Unauthenticated } from '#kit/errors/problem';
import type { HeaderList } from '../http1/message';
import { authorizationIn } from './verified-callers';

/** Enforces the access rules of services that leave it to the gateway. */
export interface RouteAccess {
  /**
   * @param rule `optional`, `user`, or the required permission
   * @returns null when the request may proceed
   */
  check(rule: string, headers: HeaderList): Promise<Problem | null>;
}

/** The same rules as in `kit/http/access`: an invalid token is rejected even where none is required. */
export const createRouteAccess = (tokens: TokenVerifier): RouteAccess => ({
  async check(rule, headers) {
    try {
      const token = bearerTokenIn(authorizationIn(headers));
      const caller = token === null ? null : await tokens.verify(token);
      if (rule === 'optional') return null;
      if (caller === null) return new Unauthenticated({ headers: BEARER_CHALLENGE });
      if (rule === 'user' || caller.permissions.includes(rule)) return null;
      return new Forbidden({ detail: `The permission ${rule} is required.` });
    } catch (failure) {
      if (failure instanceof Problem) return failure;
      throw failure;
    }
  },
});
