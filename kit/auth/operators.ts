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
 * Requires a permission. No app ever uses one.
 *
 * @param rules.operatorsNeedSecondFactor whether permissions are for sessions with a second factor only
 * @throws Forbidden, InsufficientScope, SecondFactorRequired
 */
export function requirePermission(
  caller: Caller,
  permission: string,
  rules: { readonly operatorsNeedSecondFactor?: boolean },
): void {
  admittedPerson(caller, undefined);
  if (!caller.permissions.includes(permission))
    throw new Forbidden({ detail: `The permission ${permission} is required.` });
  if (rules.operatorsNeedSecondFactor && caller.methods?.includes(TWO_FACTORS) !== true)
    throw new SecondFactorRequired({
      detail:
        'Operators sign in with a second factor. Add one at /auth/account/second-factors if you have none, and sign in again with it.',
    });
}
