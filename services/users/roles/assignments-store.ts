import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '#kit/mysql/database';
import { authorizationChanges, permissions, rolePermissions, roles, userRoles, users } from '../schema';
import { findRoleId } from './store';

/** The names of a user's roles, and of the permissions of these roles. */
export interface Authorizations {
  readonly roles: string[];
  readonly permissions: string[];
}

export async function findAuthorizations(executor: Executor, userId: string): Promise<Authorizations> {
  return (await findAuthorizationsOf(executor, [userId]))(userId);
}

/** Like `findAuthorizations`, for several users in one query. */
export async function findAuthorizationsOf(
  executor: Executor,
  userIds: readonly string[],
): Promise<(userId: string) => Authorizations> {
  const rows = await executor
    .select({ userId: userRoles.userId, role: roles.name, permission: permissions.name })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .leftJoin(rolePermissions, eq(rolePermissions.roleId, roles.id))
    .leftJoin(permissions, eq(permissions.id, rolePermissions.permissionId))
    .where(inArray(userRoles.userId, [...userIds]));
  const byUser = Map.groupBy(rows, (row) => row.userId);
  return (userId) => {
    const own = byUser.get(userId) ?? [];
    return {
      roles: [...new Set(own.map((row) => row.role))].sort(),
      permissions: [...new Set(own.flatMap((row) => row.permission ?? []))].sort(),
    };
  };
}

/** The names of the roles that exist among these, and of their permissions. */
export async function findAuthorizationsOfRoles(
  executor: Executor,
  roleNames: readonly string[],
): Promise<Authorizations> {
  if (roleNames.length === 0) return { roles: [], permissions: [] };
  const rows = await executor
    .select({ role: roles.name, permission: permissions.name })
    .from(roles)
    .leftJoin(rolePermissions, eq(rolePermissions.roleId, roles.id))
    .leftJoin(permissions, eq(permissions.id, rolePermissions.permissionId))
    .where(inArray(roles.name, [...roleNames]));
  return {
    roles: [...new Set(rows.map((row) => row.role))].sort(),
    permissions: [...new Set(rows.flatMap((row) => row.permission ?? []))].sort(),
  };
}

/** Assigns a role to a user. @returns false if the role does not exist */
export async function assignRole(executor: Executor, userId: string, roleName: string): Promise<boolean> {
  const role = executor.select({
    userId: sql`${sql.param(userId, users.id)}`.as('user_id'),
    roleId: roles.id,
  });
  const [result] = await executor
    .insert(userRoles)
    .ignore()
    .select(role.from(roles).where(eq(roles.name, roleName)));
  return result.affectedRows > 0;
}

export async function removeRole(transaction: Transaction, userId: string, roleName: string): Promise<void> {
  const roleId = await findRoleId(transaction, roleName);
  if (roleId === undefined) return;
  await transaction.delete(userRoles).where(and(eq(userRoles.userId, userId), eq(userRoles.roleId, roleId)));
}

/** The ids of a user's roles. Locks the assignments. */
export async function lockRoleIds(transaction: Transaction, userId: string): Promise<string[]> {
  const rows = await transaction
    .select({ roleId: userRoles.roleId })
    .from(userRoles)
    .where(eq(userRoles.userId, userId))
    .for('update');
  return rows.map((row) => row.roleId);
}

export const countHolders = (executor: Executor, roleId: string): Promise<number> =>
  executor.$count(userRoles, eq(userRoles.roleId, roleId));

/** Whether an active user other than this one holds a role. */
export async function hasOtherActiveHolder(
  transaction: Transaction,
  roleId: string,
  userId: string,
): Promise<boolean> {
  const rows = await transaction
    .select({ userId: userRoles.userId })
    .from(userRoles)
    .innerJoin(users, eq(users.id, userRoles.userId))
    .where(and(eq(userRoles.roleId, roleId), eq(users.active, true), ne(users.id, userId)))
    .limit(1);
  return rows.length > 0;
}

export async function hasHolder(executor: Executor, roleName: string): Promise<boolean> {
  const rows = await executor
    .select({ userId: userRoles.userId })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .where(eq(roles.name, roleName))
    .limit(1);
  return rows.length > 0;
}

/** Queues every holder of a role for publication to auth, in one statement: a role may be held by all users. */
export async function enqueueHolders(
  transaction: Transaction,
  roleId: string,
  change: { reduced: boolean; actorId: string },
): Promise<void> {
  const { reduced, actorId } = change;
  await transaction
    .insert(authorizationChanges)
    .select(
      transaction
        .select({
          userId: userRoles.userId,
          reduced: sql<boolean>`${reduced}`.as('reduced'),
          actorId: sql<string>`${sql.param(actorId, authorizationChanges.actorId)}`.as('actor_id'),
        })
        .from(userRoles)
        .where(eq(userRoles.roleId, roleId)),
    )
    .onDuplicateKeyUpdate({
      set: { reduced: sql`${authorizationChanges.reduced} or values(${authorizationChanges.reduced})` },
    });
}

/** Locks a batch of queued changes, skipping those that another instance has locked. */
export const lockPendingChanges = (transaction: Transaction, limit: number) =>
  transaction
    .select()
    .from(authorizationChanges)
    .orderBy(asc(authorizationChanges.userId))
    .limit(limit)
    .for('update', { skipLocked: true });

export async function deletePendingChanges(
  transaction: Transaction,
  userIds: readonly string[],
): Promise<void> {
  await transaction.delete(authorizationChanges).where(inArray(authorizationChanges.userId, [...userIds]));
}
