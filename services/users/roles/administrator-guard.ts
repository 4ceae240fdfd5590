import type { Database, Transaction } from '#kit/mysql/database';
import { LastAdministrator } from '../accounts/model';
import { ADMINISTRATOR } from './rules';
import * as store from './store';

/** Refuses what would leave nobody in charge. Asked before a person loses the role, is deactivated or erased. */
export type AdministratorGuard = (transaction: Transaction, userId: string) => Promise<void>;

/**
 * Whoever takes an administrator away holds the role's row until the commit, so of two who remove each other the second
 * sees what the first has done. The person's row must be locked, and nothing read without a lock before: the transaction's
 * view of the others begins with its first such read.
 *
 * @throws LastAdministrator from the guard, when nobody else who may sign in is one
 */
export async function administratorGuard(database: Database): Promise<AdministratorGuard> {
  const roleId = await store.findRoleId(database, ADMINISTRATOR);
  if (roleId === undefined)
    throw new Error('there is no role of administrators: the service has not started');
  return async (transaction, userId) => {
    const held = await store.lockRoleIds(transaction, userId);
    if (!held.includes(roleId)) return;
    await store.lockRole(transaction, roleId);
    if (!(await store.anybodyElseHolds(transaction, roleId, userId))) throw new LastAdministrator();
  };
}
