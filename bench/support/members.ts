import { readFileSync } from 'node:fs';
import { createDenylist } from '#kit/auth/denylist';
import { tokenSettings } from '#kit/auth/tokens';
import { readEnv } from '#kit/config/environment';
import { tokenFields } from '#kit/config/fields';
import { uuidv7 } from '#kit/core/ids';
import type { Stack } from '../../infra/stack';
import { createKeyRing } from '../../services/auth/keys/key-ring';
import { signAccessToken } from '../../services/auth/tokens/access-tokens';
import { idOf, type Network } from './network';
import { withDatabase } from './population';

/** Someone who is signed in. */
export interface Member {
  readonly username: string;
  /** The usernames of those whom they follow. */
  readonly followees: readonly string[];
  readonly token: string;
}

const LIFETIME_MS = 3_600_000;

/**
 * Issues access tokens as auth does for a sign-in: with its code and its key, for an hour. Only the password is not
 * checked, which takes 20 ms for each.
 */
export function signInAll(
  { environment, identityFile }: Stack,
  { usernames, followees }: Network,
  people: readonly number[],
): Promise<Member[]> {
  return withDatabase('auth', environment, async (database) => {
    const settings = tokenSettings(readEnv(tokenFields, {}));
    const timing = { tokenLifetimeMs: LIFETIME_MS, now: Date.now };
    const internalSecret = secretIn(identityFile('auth'));
    const keys = createKeyRing({ database, settings, internalSecret, ...timing });
    await keys.refresh();
    const deps = { keys, settings, denylist: createDenylist(), ...timing };
    return Promise.all(
      people.map(async (person) => {
        const username = usernames[person] ?? '';
        return {
          username,
          followees: Array.from(followees(person), (followee) => usernames[followee] ?? ''),
          token: await signAccessToken(deps, {
            userId: idOf(person),
            username,
            session: {
              id: uuidv7(),
              createdAt: new Date(),
              appId: null,
              scopes: null,
              signedInAt: null,
              methods: ['pwd'],
            },
            ...{ roles: ['user'], permissions: [] },
          }),
        };
      }),
    );
  });
}

function secretIn(file: string): string {
  const secret = /^INTERNAL_SECRET=(.*)$/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (secret === undefined) throw new Error(`${file} has no INTERNAL_SECRET`);
  return secret;
}
