import { randomBytes } from 'node:crypto';
import { eq, inArray } from 'drizzle-orm';
import { uuidv7 } from '#kit/ids';
import type { Database } from '#kit/mysql';
import { EmailTaken, UsernameTaken } from './model';
import { permissions, rolePermissions, roles } from './schema';
import { register, type UsersDeps } from './service';
import { anyoneHolds } from './store';

const PERMISSIONS: Readonly<Record<string, string>> = {
  'users:manage': 'Find, change and erase people',
  'posts:moderate': "Delete other people's posts",
  'gateway:read': "Read the gateway's route table",
};

const ROLES: Readonly<Record<string, { description: string; permissions: readonly string[] }>> = {
  admin: { description: 'May do everything', permissions: Object.keys(PERMISSIONS) },
  moderator: { description: 'Keeps the place friendly', permissions: ['posts:moderate'] },
  user: { description: 'Everybody who registers', permissions: [] },
};

/** Brings the roles and permissions that the code knows into the tables; what operators added stays. */
export async function ensureRoles(database: Database): Promise<void> {
  await database
    .insert(permissions)
    .ignore()
    .values(Object.entries(PERMISSIONS).map(([name, description]) => ({ id: uuidv7(), name, description })));
  await database
    .insert(roles)
    .ignore()
    .values(Object.entries(ROLES).map(([name, { description }]) => ({ id: uuidv7(), name, description })));
  for (const [name, role] of Object.entries(ROLES)) {
    if (role.permissions.length === 0) continue;
    const pairs = database
      .select({ roleId: roles.id, permissionId: permissions.id })
      .from(roles)
      .innerJoin(permissions, inArray(permissions.name, [...role.permissions]))
      .where(eq(roles.name, name));
    await database.insert(rolePermissions).ignore().select(pairs);
  }
}

/**
 * Makes the first administrator where there is none. Without a given password one is made and printed once, on
 * the terminal and not in the log.
 */
export async function ensureAdministrator(
  deps: UsersDeps,
  first: { username: string; email: string; password: string | undefined },
): Promise<void> {
  if (await anyoneHolds(deps.database, 'admin')) return;
  const password = first.password ?? randomBytes(12).toString('base64url');
  try {
    await register(deps, { username: first.username, email: first.email, password }, ['user', 'admin']);
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
