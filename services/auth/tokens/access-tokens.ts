import { SignJWT } from 'jose';
import type { Denylist } from '#kit/auth/denylist';
import { ACCESS_TOKEN_TYPE, type TokenSettings } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import type { Authorizations } from '../credentials/service';
import type { KeyRing } from '../keys/key-ring';

export interface AccessTokenDeps {
  readonly keys: KeyRing;
  readonly denylist: Denylist;
  readonly settings: TokenSettings;
  readonly tokenLifetimeMs: number;
  readonly now: () => number;
}

/** Signs an access token (RFC 9068) for a person's session. */
export function signAccessToken(
  deps: AccessTokenDeps,
  person: { userId: string; username: string; sessionId: string } & Pick<
    Authorizations,
    'roles' | 'permissions'
  >,
): Promise<string> {
  const { settings } = deps;
  const { key, kid } = deps.keys.signingKey();
  // Whoever was signed out everywhere within this very second gets a token of the next.
  const issuedAt = Math.max(Math.floor(deps.now() / 1000), deps.denylist.refusedUntil(person.userId) + 1);
  return new SignJWT({
    // Required by RFC 9068; there is one client, which is everybody's.
    client_id: settings.audience,
    sid: person.sessionId,
    username: person.username,
    roles: person.roles,
    permissions: person.permissions,
  })
    .setProtectedHeader({
      alg: settings.algorithm,
      typ: ACCESS_TOKEN_TYPE,
      ...(kid !== undefined && { kid }),
    })
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setSubject(person.userId)
    .setJti(uuidv7())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(deps.tokenLifetimeMs / 1000))
    .sign(key);
}
