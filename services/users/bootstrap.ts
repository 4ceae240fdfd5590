import { randomBytes } from 'node:crypto';
import { uuidv7 } from '#kit/core/ids';
import { type Problem, ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { type Database, inTransaction } from '#kit/mysql/database';
import { createUser } from './accounts/lifecycle';
import { EmailTaken, NewUser, UsernameTaken } from './accounts/model';
import type { UsersDeps } from './deps';
import { hasHolder } from './roles/assignments-store';
import { ADMINISTRATOR, BUILT_IN_ROLES, PERMISSIONS } from './roles/rules';
import * as store from './roles/store';

/**
 * Creates the built-in roles and permissions that are missing. Changes by operators are preserved, except that the
 * administrator role is granted every permission that a new version adds.
 */
export async function ensureRoles(database: Database): Promise<void> {
  await store.insertBuiltInPermissions(
    database,
    Object.entries(PERMISSIONS).map(([name, description]) => ({ id: uuidv7(), name, description })),
  );
  for (const [name, { description, permissions }] of Object.entries(BUILT_IN_ROLES))
    await inTransaction(database, async (transaction) => {
      const created = await store.insertMissingRole(transaction, { id: uuidv7(), name, description });
      if (permissions.length > 0 && (created || name === ADMINISTRATOR))
        await store.grantMissingPermissions(transaction, name, permissions);
    });
}

/**
 * Creates the first administrator if there is none. Without a configured password one is generated and printed once,
 * to the terminal and not to the log.
 *
 * @throws TypeError naming the variables with which nobody could register
 * The address counts as verified: whoever runs the system has configured it.
 */
export async function ensureAdministrator(
  deps: UsersDeps,
  first: { username: string; email: string; password: string | undefined },
): Promise<void> {
  if (await hasHolder(deps.database, ADMINISTRATOR)) return;
  const password = first.password ?? randomBytes(12).toString('base64url');
  try {
    await createUser(deps, validated(NewUser, { ...first, password }), {
      roles: ['user', ADMINISTRATOR],
      isVerified: true,
      isOfficial: true,
    });
  } catch (failure) {
    // Another instance that started at the same time has created it.
    if (failure instanceof UsernameTaken || failure instanceof EmailTaken) return;
    throw failure instanceof ValidationFailed ? namingVariables(failure) : failure;
  }
  if (first.password === undefined)
    console.log(`Created the administrator ${first.username} with password ${password} (shown only once).`);
}

function namingVariables({ errors = [] }: Problem): TypeError {
  const variables = errors.map(({ field, message }) => `ADMIN_${field.toUpperCase()} (${message})`);
  return new TypeError(`The first administrator cannot be created: ${variables.join(', ')}`);
}
