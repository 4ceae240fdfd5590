import { readFileSync } from 'node:fs';
import { createDenylist } from '#kit/auth/denylist';
import { tokenSettings } from '#kit/auth/tokens';
import { readEnv } from '#kit/config/environment';
import { tokenFields } from '#kit/config/fields';
import { uuidv7 } from '#kit/core/ids';
import type { Stack } from '../../infra/stack';
import { createKeyRing } from '../../services/auth/keys/key-ring';
import { signAccessToken } from '../../services/auth/tokens/access-tokens';
import { type Person, withDatabase } from './population';

const LIFETIME_MS = 3_600_000;

/**
 * Issues an access token for each person, as auth does when they sign in: its code, its key, an hour. Only the password is
 * not checked, which takes 20 ms for each.
 *
 * @returns in the order of the people
 */
export function issueTokens(
  { environment, identityFile }: Stack,
  people: readonly Person[],
): Promise<string[]> {
  return withDatabase('auth', environment, async (database) => {
    const settings = tokenSettings(readEnv(tokenFields, {}));
    const timing = { tokenLifetimeMs: LIFETIME_MS, now: Date.now };
    const internalSecret = secretIn(identityFile('auth'));
    const keys = createKeyRing({ database, settings, internalSecret, ...timing });
    await keys.refresh();
    const session = { id: uuidv7(), createdAt: new Date() };
    const deps = { keys, settings, denylist: createDenylist(), ...timing };
    return Promise.all(
      people.map(({ id, username }) =>
        signAccessToken(deps, { userId: id, username, session, roles: ['user'], permissions: [] }),
      ),
    );
  });
}

function secretIn(file: string): string {
  const secret = /^INTERNAL_SECRET=(.*)$/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (secret === undefined) throw new Error(`${file} has no INTERNAL_SECRET`);
  return secret;
}
