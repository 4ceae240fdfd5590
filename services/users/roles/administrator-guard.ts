import type { Database, Transaction } from '#kit/mysql/database';
import * as assignments from './assignments-store';
import { LastAdministrator } from './model';
import { ADMINISTRATOR } from './rules';
import { findRoleId, lockRole } from './store';

/**
 * Rejects a change that would leave no active administrator. To be called before a user loses the role, is deactivated or
 * is deleted.
 */
export type AdministratorGuard = (transaction: Transaction, userId: string) => Promise<void>;

/**
 * Removing an administrator locks the role's row until the commit, so of two administrators who remove each other the
 * second sees the first one's change. The user's row must be locked, and the transaction must not have made a
 * non-locking read before: its snapshot starts with the first such read.
 *
 * @throws LastAdministrator from the guard, if no other active user is an administrator
 */
export async function administratorGuard(database: Database): Promise<AdministratorGuard> {
  const roleId = await findRoleId(database, ADMINISTRATOR);
  if (roleId === undefined)
    throw new Error('The administrator role does not exist: the service has not been bootstrapped');
  return async (transaction, userId) => {
    const roleIds = await assignments.lockRoleIds(transaction, userId);
    if (!roleIds.includes(roleId)) return;
    await lockRole(transaction, roleId);
    if (!(await assignments.hasOtherActiveHolder(transaction, roleId, userId))) throw new LastAdministrator();
  };
}
