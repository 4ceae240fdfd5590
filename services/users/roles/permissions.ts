import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { type Database, inTransaction, isDuplicate } from '#kit/mysql/database';
import { changesBetween, recordAct } from '../audit/service';
import { type NewPermission, type Permission, PermissionNameTaken } from './model';
import * as store from './store';

interface PermissionsDeps {
  readonly database: Database;
}

export async function listPermissions(deps: PermissionsDeps, query: PageQuery): Promise<Page<Permission>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
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

export async function createPermission(
  deps: PermissionsDeps,
  caller: Caller,
  { name, description = '' }: NewPermission,
): Promise<Permission> {
  const permission = { id: uuidv7(), name, description };
  await inTransaction(deps.database, async (transaction) => {
    try {
      await store.insertPermission(transaction, permission);
    } catch (failure) {
      if (isDuplicate(failure, 'permissions_name')) throw new PermissionNameTaken({ cause: failure });
      throw failure;
    }
    await recordAct(transaction, {
      actor: caller,
      action: 'permission.created',
      target: { type: 'permission', id: permission.id },
      changes: changesBetween({}, { name, description }),
    });
  });
  return permission;
}
