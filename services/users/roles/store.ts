import { asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { permissions, rolePermissions, roles, userRoles } from '../schema';

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

/** @returns whether the role was inserted; false if its name exists */
export async function insertMissingRole(transaction: Transaction, role: RoleRow): Promise<boolean> {
  const [result] = await transaction.insert(roles).ignore().values(role);
  return result.affectedRows > 0;
}

export async function updateRole(
  transaction: Transaction,
  id: string,
  change: Partial<Pick<RoleRow, 'name' | 'description'>>,
): Promise<void> {
  await transaction.update(roles).set(change).where(eq(roles.id, id));
}

/** Deletes a role and its assignments. */
export async function deleteRole(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(userRoles).where(eq(userRoles.roleId, id));
  await transaction.delete(rolePermissions).where(eq(rolePermissions.roleId, id));
  await transaction.delete(roles).where(eq(roles.id, id));
}

export async function insertPermission(transaction: Transaction, permission: PermissionRow): Promise<void> {
  await transaction.insert(permissions).values(permission);
}

/** Inserts permissions, and updates the descriptions of those that exist. */
export async function insertBuiltInPermissions(
  database: Database,
  rows: readonly PermissionRow[],
): Promise<void> {
  await database
    .insert(permissions)
    .values([...rows])
    .onDuplicateKeyUpdate({ set: { description: sql`values(${permissions.description})` } });
}

/** The names of the permissions of roles, by role id. */
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

/** Replaces the permissions of a role. @returns the unknown names; if there are any, nothing has changed */
export async function replacePermissions(
  transaction: Transaction,
  roleId: string,
  names: readonly string[],
): Promise<string[]> {
  const existing =
    names.length === 0
      ? []
      : await transaction
          .select()
          .from(permissions)
          .where(inArray(permissions.name, [...names]));
  const unknown = names.filter((name) => !existing.some((permission) => permission.name === name));
  if (unknown.length > 0) return unknown;
  await transaction.delete(rolePermissions).where(eq(rolePermissions.roleId, roleId));
  if (existing.length > 0)
    await transaction
      .insert(rolePermissions)
      .values(existing.map(({ id }) => ({ roleId, permissionId: id })));
  return [];
}

/** Adds existing permissions to a role; those it has already are skipped. */
export async function grantMissingPermissions(
  transaction: Transaction,
  roleName: string,
  names: readonly string[],
): Promise<void> {
  const pairs = transaction
    .select({ roleId: roles.id, permissionId: permissions.id })
    .from(roles)
    .innerJoin(permissions, inArray(permissions.name, [...names]))
    .where(eq(roles.name, roleName));
  await transaction.insert(rolePermissions).ignore().select(pairs);
}
