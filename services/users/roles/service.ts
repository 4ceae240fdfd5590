import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { inTransaction, isDuplicate, type Transaction } from '#kit/mysql/database';
import { lockPerson } from '../accounts/lifecycle';
import { UserNotFound } from '../accounts/model';
import { type Authorizations, findAuthorizations, findById } from '../accounts/store';
import { changesBetween, recordAct } from '../audit/service';
import { administratorGuard } from './administrator-guard';
import { type AuthorizationsDeps, announceChanges, replaceRoles } from './authorizations';
import {
  AdministratorsKeep,
  type NewRole,
  type Role,
  RoleBuiltIn,
  type RoleChange,
  RoleInUse,
  RoleNameTaken,
  RoleNotFound,
} from './model';
import { ADMINISTRATOR, isBuiltIn, PERMISSIONS } from './rules';
import * as store from './store';

export async function listRoles(deps: AuthorizationsDeps, query: PageQuery): Promise<Page<Role>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listRoles(deps.database, { afterName: after?.[0] ?? null, limit: limit + 1 });
  const permissionsOf = await store.findPermissionsOf(
    deps.database,
    rows.map((role) => role.id),
  );
  return toPage(
    rows,
    limit,
    (role) => [role.name],
    (role) => roleOf(role, permissionsOf(role.id)),
  );
}

export async function readRole(deps: AuthorizationsDeps, id: string): Promise<Role> {
  const role = await store.findRole(deps.database, id);
  if (role === undefined) throw new RoleNotFound();
  return roleOf(role, (await store.findPermissionsOf(deps.database, [id]))(id));
}

export async function createRole(deps: AuthorizationsDeps, caller: Caller, input: NewRole): Promise<Role> {
  const { name, description = '', permissions = [] } = input;
  const row = { id: uuidv7(), name, description };
  return inTransaction(deps.database, async (transaction) => {
    await unlessTaken(store.insertRole(transaction, row));
    await givePermissions(transaction, row.id, permissions);
    await recordAct(transaction, {
      actor: caller,
      action: 'role.created',
      target: { type: 'role', id: row.id },
      changes: changesBetween({}, { name, description, permissions }),
    });
    return roleOf(row, permissions.toSorted());
  });
}

/** Renames or describes a role. Its holders have to get tokens that name it anew. @throws RoleBuiltIn */
export async function changeRole(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  change: RoleChange,
): Promise<Role> {
  const changed = await inTransaction(deps.database, async (transaction) => {
    const before = await lockRole(transaction, id);
    const after = {
      ...before,
      ...(change.name !== undefined && { name: change.name }),
      ...(change.description !== undefined && { description: change.description }),
    };
    const renamed = after.name !== before.name;
    if (renamed && isBuiltIn(before.name)) throw new RoleBuiltIn();
    const { id: _, ...columns } = after;
    await unlessTaken(store.updateRole(transaction, id, columns));
    if (renamed) await store.noteHolders(transaction, id, { reduced: true, actorId: caller.id });
    const changes = changesBetween(before, after);
    if (changes.length > 0)
      await recordAct(transaction, {
        actor: caller,
        action: 'role.changed',
        target: { type: 'role', id },
        changes,
      });
    return roleOf(after, (await store.findPermissionsOf(transaction, [id]))(id));
  });
  await announceChanges(deps);
  return changed;
}

/** Decides what a role permits, for everybody who holds it. @throws AdministratorsKeep */
export async function setPermissions(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  wanted: readonly string[],
): Promise<Role> {
  const changed = await inTransaction(deps.database, async (transaction) => {
    const role = await lockRole(transaction, id);
    if (role.name === ADMINISTRATOR && !Object.keys(PERMISSIONS).every((name) => wanted.includes(name)))
      throw new AdministratorsKeep();
    const before = (await store.findPermissionsOf(transaction, [id]))(id);
    const after = wanted.toSorted();
    const changes = changesBetween({ permissions: before }, { permissions: after });
    if (changes.length === 0) return roleOf(role, after);
    await givePermissions(transaction, id, after);
    const reduced = before.some((name) => !after.includes(name));
    await store.noteHolders(transaction, id, { reduced, actorId: caller.id });
    await recordAct(transaction, {
      actor: caller,
      action: 'role.permissions-set',
      target: { type: 'role', id },
      changes,
    });
    return roleOf(role, after);
  });
  await announceChanges(deps);
  return changed;
}

/**
 * Deletes a role.
 *
 * @param force also when people hold it, who lose it
 * @throws RoleBuiltIn
 * @throws RoleInUse
 */
export async function deleteRole(
  deps: AuthorizationsDeps,
  caller: Caller,
  id: string,
  force: boolean,
): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const { name, description } = await lockRole(transaction, id);
    if (isBuiltIn(name)) throw new RoleBuiltIn();
    const holders = await store.countHolders(transaction, id);
    if (holders > 0 && !force)
      throw new RoleInUse({ detail: `${holders} people hold it; with force=true they lose it.` });
    const permissions = (await store.findPermissionsOf(transaction, [id]))(id);
    await store.noteHolders(transaction, id, { reduced: true, actorId: caller.id });
    await store.deleteRole(transaction, id);
    await recordAct(transaction, {
      actor: caller,
      action: 'role.deleted',
      target: { type: 'role', id },
      changes: changesBetween({ name, description, permissions, holders }, {}),
    });
  });
  await announceChanges(deps);
}

export async function readAuthorizations(deps: AuthorizationsDeps, userId: string): Promise<Authorizations> {
  if ((await findById(deps.database, userId)) === undefined) throw new UserNotFound();
  return findAuthorizations(deps.database, userId);
}

/** Gives a person exactly these roles. @throws LastAdministrator */
export async function setRoles(
  deps: AuthorizationsDeps,
  caller: Caller,
  userId: string,
  wanted: readonly string[],
): Promise<Authorizations> {
  const guard = await administratorGuard(deps.database);
  const authorizations = await inTransaction(deps.database, async (transaction) => {
    await lockPerson(transaction, userId);
    if (!wanted.includes(ADMINISTRATOR)) await guard(transaction, userId);
    const { before, after } = await replaceRoles(transaction, userId, {
      wanted: () => wanted,
      actor: caller.id,
    });
    const changes = changesBetween({ roles: before.roles }, { roles: after.roles });
    if (changes.length > 0)
      await recordAct(transaction, {
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

async function lockRole(transaction: Transaction, id: string): Promise<store.RoleRow> {
  const role = await store.lockRole(transaction, id);
  if (role === undefined) throw new RoleNotFound();
  return role;
}

async function givePermissions(
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

async function unlessTaken(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (failure) {
    if (isDuplicate(failure, 'roles_name')) throw new RoleNameTaken({ cause: failure });
    throw failure;
  }
}

const roleOf = ({ id, name, description }: store.RoleRow, permissions: readonly string[]): Role => ({
  id,
  name,
  description,
  built_in: isBuiltIn(name),
  permissions: [...permissions],
});
