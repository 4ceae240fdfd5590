import { defineProblem, Forbidden } from '../errors/problem';
import { admittedPerson } from './app-access';
import type { Caller } from './caller';

/** A permission is held, and not enough was shown at the sign-in to use it. */
export const SecondFactorRequired = defineProblem(
  'auth.operator-needs-second-factor',
  403,
  'Second factor required',
);

/** Among the methods of a session in which two factors were shown, or a passkey that verifies its user (RFC 8176). */
const TWO_FACTORS = 'mfa';

/**
 * The permissions that a token is good for, and those that its session has shown too little for.
 *
 * @param claims of the token
 * @param needSecondFactor whether permissions are for sessions with a second factor only
 */
export function usablePermissions(
  claims: { permissions: readonly string[]; amr?: readonly string[]; scope?: string },
  needSecondFactor: boolean,
): Pick<Caller, 'permissions' | 'withheldPermissions'> {
  // Through an app nobody is an operator.
  if (claims.scope !== undefined) return { permissions: [] };
  const { permissions } = claims;
  if (!needSecondFactor || permissions.length === 0 || claims.amr?.includes(TWO_FACTORS))
    return { permissions };
  return { permissions: [], withheldPermissions: permissions };
}

/**
 * Requires a permission. No app ever uses one.
 *
 * @throws Forbidden, InsufficientScope, SecondFactorRequired
 */
export function requirePermission(caller: Caller, permission: string): void {
  admittedPerson(caller, undefined);
  if (caller.permissions.includes(permission)) return;
  if (caller.withheldPermissions?.includes(permission))
    throw new SecondFactorRequired({
      detail:
        'Operators sign in with a second factor. Add one at /auth/account/second-factors if you have none, and sign in again with it.',
    });
  throw new Forbidden({ detail: `The permission ${permission} is required.` });
}
