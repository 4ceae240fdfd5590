import { randomBytes } from 'node:crypto';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { type Field, optionalText } from '#kit/config/environment';
import { uuidv7 } from '#kit/core/ids';
import { validated } from '#kit/errors/validation';
import { type Database, inTransaction } from '#kit/mysql/database';
import { createUser } from './accounts/lifecycle';
import { Email, EmailTaken, NewUser, Username, UsernameTaken } from './accounts/model';
import type { UsersDeps } from './deps';
import { hasHolder } from './roles/assignments-store';
import { ADMINISTRATOR, BUILT_IN_ROLES, PERMISSIONS } from './roles/rules';
import * as store from './roles/store';

const valid = (schema: typeof Username, fallback: string): Field<string> => {
  const check = TypeCompiler.Compile(schema);
  return { parse: (value) => (check.Check(value) ? value : { problem: 'is not valid' }), fallback };
};

/** The environment variables of the first administrator. */
export const administratorFields = {
  ADMIN_USERNAME: valid(Username, 'admin'),
  ADMIN_EMAIL: valid(Email, 'admin@rookery.example'),
  ADMIN_PASSWORD: optionalText(),
};

/**
 * Creates the built-in roles and permissions that are missing. Changes by operators are preserved, except that the
 * administrator role is granted every permission that a new version adds.
 */
export async function ensureRoles(database: Database): Promise<void> {
  await store.insertMissingPermissions(
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
 * @throws ValidationFailed for a configured password that is too short or too long
 */
export async function ensureAdministrator(
  deps: UsersDeps,
  first: { username: string; email: string; password: string | undefined },
): Promise<void> {
  if (await hasHolder(deps.database, ADMINISTRATOR)) return;
  const password = first.password ?? randomBytes(12).toString('base64url');
  try {
    const administrator = validated(NewUser, { ...first, password });
    await createUser(deps, administrator, { roles: ['user', ADMINISTRATOR] });
  } catch (failure) {
    // Another instance that started at the same time has created it.
    if (failure instanceof UsernameTaken || failure instanceof EmailTaken) return;
    throw failure;
  }
  if (first.password === undefined)
    console.log(`Created the administrator ${first.username} with password ${password} (shown only once).`);
}
