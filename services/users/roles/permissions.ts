import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { normalizeText } from '#kit/text/identity';
import { changesBetween, recordAction } from '../audit/service';
import type { UsersDeps } from '../deps';
import { type NewPermission, type Permission, PermissionNameTaken, permissionNameKey } from './model';
import * as store from './store';

export async function listPermissions(
  deps: Pick<UsersDeps, 'database'>,
  query: PageQuery,
): Promise<Page<Permission>> {
  const { limit, after } = readPageQuery(query, [permissionNameKey]);
  const rows = await store.listPermissions(deps.database, {
    afterName: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(
    rows,
    limit,
    (permission) => [permission.name],
    (permission) => permission,
  );
}

/** @throws PermissionNameTaken */
export async function createPermission(
  deps: Pick<UsersDeps, 'database'>,
  caller: Caller,
  input: NewPermission,
): Promise<Permission> {
  const { name } = input;
  const description = normalizeText(input.description ?? '');
  const permission = { id: uuidv7(), name, description };
  await inTransaction(deps.database, async (transaction) => {
    try {
      await store.insertPermission(transaction, permission);
    } catch (failure) {
      if (isDuplicate(failure, 'permissions_name')) throw new PermissionNameTaken({ cause: failure });
      throw failure;
    }
    await recordAction(transaction, {
      actor: caller,
      action: 'permission.created',
      target: { type: 'permission', id: permission.id },
      changes: changesBetween({}, { name, description }),
    });
  });
  return permission;
}
