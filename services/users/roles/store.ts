import { and, asc, eq, gt, inArray, ne, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { authorizationChanges, permissions, rolePermissions, roles, userRoles, users } from '../schema';

export type RoleRow = typeof roles.$inferSelect;
export type PermissionRow = typeof permissions.$inferSelect;

export interface NamePage {
  readonly afterName: string | null;
  readonly limit: number;
}

export const listRoles = (database: Database, page: NamePage): Promise<RoleRow[]> =>
  database
    .select()
    .from(roles)
    .where(page.afterName === null ? undefined : gt(roles.name, page.afterName))
    .orderBy(asc(roles.name))
    .limit(page.limit);

export const listPermissions = (database: Database, page: NamePage): Promise<PermissionRow[]> =>
  database
    .select()
    .from(permissions)
    .where(page.afterName === null ? undefined : gt(permissions.name, page.afterName))
    .orderBy(asc(permissions.name))
    .limit(page.limit);

export async function findRole(database: Database, id: string): Promise<RoleRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [role] = await database.select().from(roles).where(eq(roles.id, id));
  return role;
}

export async function findRoleId(executor: Executor, name: string): Promise<string | undefined> {
  const [role] = await executor.select({ id: roles.id }).from(roles).where(eq(roles.name, name));
  return role?.id;
}

export async function lockRole(transaction: Transaction, id: string): Promise<RoleRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [role] = await transaction.select().from(roles).where(eq(roles.id, id)).for('update');
  return role;
}

export async function insertRole(transaction: Transaction, role: RoleRow): Promise<void> {
  await transaction.insert(roles).values(role);
}

export async function updateRole(
  transaction: Transaction,
  id: string,
  change: Partial<Pick<RoleRow, 'name' | 'description'>>,
): Promise<void> {
  await transaction.update(roles).set(change).where(eq(roles.id, id));
}

/** Removes a role from the people who hold it, and then the role. */
export async function deleteRole(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(userRoles).where(eq(userRoles.roleId, id));
  await transaction.delete(rolePermissions).where(eq(rolePermissions.roleId, id));
  await transaction.delete(roles).where(eq(roles.id, id));
}

export const countHolders = (executor: Database | Transaction, roleId: string): Promise<number> =>
  executor.$count(userRoles, eq(userRoles.roleId, roleId));

export async function insertPermission(transaction: Transaction, permission: PermissionRow): Promise<void> {
  await transaction.insert(permissions).values(permission);
}

/** The names of what roles permit, by role. */
export async function findPermissionsOf(
  executor: Executor,
  roleIds: readonly string[],
): Promise<(roleId: string) => string[]> {
  if (roleIds.length === 0) return () => [];
  const rows = await executor
    .select({ roleId: rolePermissions.roleId, name: permissions.name })
    .from(rolePermissions)
    .innerJoin(permissions, eq(permissions.id, rolePermissions.permissionId))
    .where(inArray(rolePermissions.roleId, [...roleIds]))
    .orderBy(asc(permissions.name));
  const byRole = Map.groupBy(rows, (row) => row.roleId);
  return (roleId) => (byRole.get(roleId) ?? []).map((row) => row.name);
}

/** Gives a role exactly these permissions. @returns the names that are unknown; then nothing has changed */
export async function replacePermissions(
  transaction: Transaction,
  roleId: string,
  names: readonly string[],
): Promise<string[]> {
  const known =
    names.length === 0
      ? []
      : await transaction
          .select()
          .from(permissions)
          .where(inArray(permissions.name, [...names]));
  const unknown = names.filter((name) => !known.some((permission) => permission.name === name));
  if (unknown.length > 0) return unknown;
  await transaction.delete(rolePermissions).where(eq(rolePermissions.roleId, roleId));
  if (known.length > 0)
    await transaction.insert(rolePermissions).values(known.map(({ id }) => ({ roleId, permissionId: id })));
  return [];
}

/** Gives a person a role. @returns false when there is no such role */
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

/** The ids of a person's roles, locked. */
export async function lockRoleIds(transaction: Transaction, userId: string): Promise<string[]> {
  const rows = await transaction
    .select({ roleId: userRoles.roleId })
    .from(userRoles)
    .where(eq(userRoles.userId, userId))
    .for('update');
  return rows.map((row) => row.roleId);
}

/** Whether somebody who may sign in holds a role, besides one person. */
export async function anybodyElseHolds(
  transaction: Transaction,
  roleId: string,
  besides: string,
): Promise<boolean> {
  const rows = await transaction
    .select({ userId: userRoles.userId })
    .from(userRoles)
    .innerJoin(users, eq(users.id, userRoles.userId))
    .where(and(eq(userRoles.roleId, roleId), eq(users.active, true), ne(users.id, besides)))
    .limit(1);
  return rows.length > 0;
}

export async function anyoneHolds(executor: Executor, roleName: string): Promise<boolean> {
  const rows = await executor
    .select({ userId: userRoles.userId })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .where(eq(roles.name, roleName))
    .limit(1);
  return rows.length > 0;
}

/** Notes that auth has to be told about everybody who holds a role. In one statement: it may be everybody. */
export async function noteHolders(
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

/** Some people of whom auth has to be told, locked; those that another instance is telling it of are left out. */
export const takeAuthorizationChanges = (transaction: Transaction, limit: number) =>
  transaction
    .select()
    .from(authorizationChanges)
    .orderBy(asc(authorizationChanges.userId))
    .limit(limit)
    .for('update', { skipLocked: true });

export async function deleteAuthorizationChanges(
  transaction: Transaction,
  userIds: readonly string[],
): Promise<void> {
  await transaction.delete(authorizationChanges).where(inArray(authorizationChanges.userId, [...userIds]));
}
