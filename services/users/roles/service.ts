import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { normalizeText } from '#kit/text/identity';
import { lockUser } from '../accounts/lifecycle';
import { requireUser } from '../accounts/service';
import { changesBetween, recordAction } from '../audit/service';
import { administratorGuard } from './administrator-guard';
import * as assignments from './assignments-store';
import { requireAuthority, requireAuthorityOver, requireAuthorityToAssign } from './authority';
import { type AuthorizationsDeps, publishChanges, replaceRoles } from './authorizations';
import {
  AdministratorPermissionsRequired,
  type NewRole,
  type Role,
  RoleBuiltIn,
  type RoleChange,
  RoleInUse,
  RoleNameTaken,
  RoleNotFound,
  roleNameKey,
} from './model';
import { ADMINISTRATOR, isBuiltIn, PERMISSIONS } from './rules';
import * as store from './store';

export async function listRoles(deps: AuthorizationsDeps, query: PageQuery): Promise<Page<Role>> {
  const { limit, after } = readPageQuery(query, [roleNameKey]);
  const rows = await store.listRoles(deps.database, { afterName: after?.[0] ?? null, limit: limit + 1 });
  const permissionsOf = await store.findPermissionsOf(
    deps.database,
    rows.map((role) => role.id),
  );
  return toPage(
    rows,
    limit,
    (role) => [role.name],
    (role) => roleView(role, permissionsOf(role.id)),
  );
}

export async function readRole(deps: AuthorizationsDeps, id: string): Promise<Role> {
  const role = await store.findRole(deps.database, id);
  if (role === undefined) throw new RoleNotFound();
  return roleView(role, (await store.findPermissionsOf(deps.database, [id]))(id));
}

/** @throws ExceedsOwnPermissions @throws RoleNameTaken */
export async function createRole(deps: AuthorizationsDeps, caller: Caller, input: NewRole): Promise<Role> {
  const { name, permissions = [] } = input;
  const description = normalizeText(input.description ?? '');
  const row = { id: uuidv7(), name, description };
  requireAuthority(caller, { roles: [], permissions });
  return inTransaction(deps.database, async (transaction) => {
    await rejectDuplicate(store.insertRole(transaction, row));
    await replacePermissions(transaction, row.id, permissions);
    await recordAction(transaction, {
      actor: caller,
      action: 'role.created',
      target: { type: 'role', id: row.id },
      changes: changesBetween({}, { name, description, permissions }),
    });
    return roleView(row, permissions.toSorted());
  });
}

/**
 * Changes the name or description of a role. A new name invalidates the tokens of its holders.
 *
 * @throws ExceedsOwnPermissions
 * @throws RoleBuiltIn
 */
export async function changeRole(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  change: RoleChange,
): Promise<Role> {
  const changed = await inTransaction(deps.database, async (transaction) => {
    const { role: before, permissions } = await requireRole(transaction, caller, id);
    const after = {
      ...before,
      ...(change.name !== undefined && { name: change.name }),
      ...(change.description !== undefined && { description: normalizeText(change.description) }),
    };
    const renamed = after.name !== before.name;
    if (renamed && isBuiltIn(before.name)) throw new RoleBuiltIn();
    const { id: _, ...columns } = after;
    await rejectDuplicate(store.updateRole(transaction, id, columns));
    if (renamed) await assignments.enqueueHolders(transaction, id, { reduced: true, actorId: caller.id });
    const changes = changesBetween(before, after);
    if (changes.length > 0)
      await recordAction(transaction, {
        actor: caller,
        action: 'role.changed',
        target: { type: 'role', id },
        changes,
      });
    return roleView(after, permissions);
  });
  await publishChanges(deps);
  return changed;
}

/**
 * Replaces the permissions of a role, for all its holders.
 *
 * @throws ExceedsOwnPermissions
 * @throws AdministratorPermissionsRequired
 */
export async function setPermissions(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  wanted: readonly string[],
): Promise<Role> {
  requireAuthority(caller, { roles: [], permissions: [...wanted] });
  const changed = await inTransaction(deps.database, async (transaction) => {
    const { role, permissions: before } = await requireRole(transaction, caller, id);
    if (role.name === ADMINISTRATOR && !Object.keys(PERMISSIONS).every((name) => wanted.includes(name)))
      throw new AdministratorPermissionsRequired();
    const after = wanted.toSorted();
    const changes = changesBetween({ permissions: before }, { permissions: after });
    if (changes.length === 0) return roleView(role, after);
    await replacePermissions(transaction, id, after);
    const reduced = before.some((name) => !after.includes(name));
    await assignments.enqueueHolders(transaction, id, { reduced, actorId: caller.id });
    await recordAction(transaction, {
      actor: caller,
      action: 'role.permissions-set',
      target: { type: 'role', id },
      changes,
    });
    return roleView(role, after);
  });
  await publishChanges(deps);
  return changed;
}

/**
 * Deletes a role.
 *
 * @param options.force also removes it from its holders
 * @throws ExceedsOwnPermissions
 * @throws RoleBuiltIn
 * @throws RoleInUse if it has holders, without `force`
 */
export async function deleteRole(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  { force }: { force: boolean },
): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const { role, permissions } = await requireRole(transaction, caller, id);
    const { name, description } = role;
    if (isBuiltIn(name)) throw new RoleBuiltIn();
    const holders = await assignments.countHolders(transaction, id);
    if (holders > 0 && !force)
      throw new RoleInUse({
        detail: `${holders} users hold this role. Set force=true to remove it from them.`,
      });
    await assignments.enqueueHolders(transaction, id, { reduced: true, actorId: caller.id });
    await store.deleteRole(transaction, id);
    await recordAction(transaction, {
      actor: caller,
      action: 'role.deleted',
      target: { type: 'role', id },
      changes: changesBetween({ name, description, permissions, holders }, {}),
    });
  });
  await publishChanges(deps);
}

export async function readAuthorizations(
  deps: AuthorizationsDeps,
  userId: string,
): Promise<assignments.Authorizations> {
  await requireUser(deps, userId);
  return assignments.findAuthorizations(deps.database, userId);
}

/** Replaces a user's roles. @throws ExceedsOwnPermissions @throws LastAdministrator */
export async function setRoles(
  deps: AuthorizationsDeps,
  caller: Caller,
  userId: string,
  wanted: readonly string[],
): Promise<assignments.Authorizations> {
  await requireAuthorityOver(deps.database, caller, userId);
  await requireAuthorityToAssign(deps.database, caller, wanted);
  const guard = await administratorGuard(deps.database);
  const authorizations = await inTransaction(deps.database, async (transaction) => {
    await lockUser(transaction, userId);
    if (!wanted.includes(ADMINISTRATOR)) await guard(transaction, userId);
    const { before, after } = await replaceRoles(transaction, userId, {
      wanted: () => wanted,
      actor: caller.id,
    });
    const changes = changesBetween({ roles: before.roles }, { roles: after.roles });
    if (changes.length > 0)
      await recordAction(transaction, {
        actor: caller,
        action: 'user.roles-set',
        target: { type: 'user', id: userId },
        changes,
      });
    return after;
  });
  deps.outbox.wake();
  return authorizations;
}

/** Locks a role's row. @throws RoleNotFound @throws ExceedsOwnPermissions */
async function requireRole(
  transaction: Transaction,
  caller: Caller,
  id: string,
): Promise<{ role: store.RoleRow; permissions: string[] }> {
  const role = await store.lockRole(transaction, id);
  if (role === undefined) throw new RoleNotFound();
  const permissions = (await store.findPermissionsOf(transaction, [id]))(id);
  requireAuthority(caller, { roles: [role.name], permissions });
  return { role, permissions };
}

async function replacePermissions(
  transaction: Transaction,
  roleId: string,
  names: readonly string[],
): Promise<void> {
  const unknown = await store.replacePermissions(transaction, roleId, names);
  if (unknown.length > 0)
    throw new ValidationFailed({
      errors: [{ field: 'permissions', message: 'Names of existing permissions' }],
    });
}

async function rejectDuplicate(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (failure) {
    if (isDuplicate(failure, 'roles_name')) throw new RoleNameTaken({ cause: failure });
    throw failure;
  }
}

const roleView = ({ id, name, description }: store.RoleRow, permissions: readonly string[]): Role => ({
  id,
  name,
  description,
  built_in: isBuiltIn(name),
  permissions: [...permissions],
});
