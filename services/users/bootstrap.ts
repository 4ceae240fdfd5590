import { randomBytes } from 'node:crypto';
import { eq, inArray } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { type Database, inTransaction } from '#kit/mysql/database';
import { openAccount, type UsersDeps } from './accounts/lifecycle';
import { EmailTaken, UsernameTaken } from './accounts/model';
import { ADMINISTRATOR, BUILT_IN_ROLES, PERMISSIONS } from './roles/rules';
import { anyoneHolds } from './roles/store';
import { permissions, rolePermissions, roles } from './schema';

/**
 * Brings the roles and permissions that the code knows into the tables. What operators added or took away stays, but
 * administrators get every permission that a new version brings.
 */
export async function ensureRoles(database: Database): Promise<void> {
  await database
    .insert(permissions)
    .ignore()
    .values(Object.entries(PERMISSIONS).map(([name, description]) => ({ id: uuidv7(), name, description })));
  for (const [name, role] of Object.entries(BUILT_IN_ROLES))
    await inTransaction(database, async (transaction) => {
      const [made] = await transaction
        .insert(roles)
        .ignore()
        .values({ id: uuidv7(), name, description: role.description });
      if (role.permissions.length === 0 || (made.affectedRows === 0 && name !== ADMINISTRATOR)) return;
      const pairs = transaction
        .select({ roleId: roles.id, permissionId: permissions.id })
        .from(roles)
        .innerJoin(permissions, inArray(permissions.name, [...role.permissions]))
        .where(eq(roles.name, name));
      await transaction.insert(rolePermissions).ignore().select(pairs);
    });
}

/**
 * Makes the first administrator where there is none. Without a given password one is made and printed once, on
 * the terminal and not in the log.
 */
export async function ensureAdministrator(
  deps: UsersDeps,
  first: { username: string; email: string; password: string | undefined },
): Promise<void> {
  if (await anyoneHolds(deps.database, ADMINISTRATOR)) return;
  const password = first.password ?? randomBytes(12).toString('base64url');
  try {
    await openAccount(
      deps,
      { username: first.username, email: first.email, password },
      { roles: ['user', ADMINISTRATOR] },
    );
  } catch (failure) {
    // Another instance that starts at the same time was quicker.
    if (failure instanceof UsernameTaken || failure instanceof EmailTaken) return;
    throw failure;
  }
  if (first.password === undefined)
    console.log(
      `The first administrator is ${first.username}, with the password ${password} (shown only now).`,
    );
}
