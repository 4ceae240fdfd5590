import type { Caller } from '#kit/auth/caller';
import type { Executor } from '#kit/mysql/database';
import { type Authorizations, findAuthorizations, findAuthorizationsOfRoles } from './assignments-store';
import { ExceedsOwnPermissions } from './model';
import { exceeds } from './rules';

/*
 * Operators act on users and roles, and grant roles and permissions, only within the permissions that they hold themselves.
 * Otherwise a permission such as `roles:manage` would equal the administrator role.
 *
 * The checks read the state before the transaction of the action. What is granted to the target in between counts as granted
 * after the action.
 */

/** @throws ExceedsOwnPermissions unless the operator holds every permission of these authorizations */
export function requireAuthority(caller: Caller, authorizations: Authorizations): void {
  if (!exceeds(caller, authorizations)) return;
  throw new ExceedsOwnPermissions({
    detail:
      'Operators act on users and roles, and grant roles and permissions, only within the permissions they hold.',
  });
}

/** @throws ExceedsOwnPermissions if the user holds permissions that the operator does not; not if there is no such user */
export async function requireAuthorityOver(
  executor: Executor,
  caller: Caller,
  userId: string,
): Promise<void> {
  requireAuthority(caller, await findAuthorizations(executor, userId));
}

/** @throws ExceedsOwnPermissions if a role has permissions that the operator does not hold; names of no role are ignored */
export async function requireAuthorityToAssign(
  executor: Executor,
  caller: Caller,
  roleNames: readonly string[],
): Promise<void> {
  requireAuthority(caller, await findAuthorizationsOfRoles(executor, roleNames));
}
