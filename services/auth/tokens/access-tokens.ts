import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import type { Authorizations } from '../credentials/authorizations';
import type { AuthDeps } from '../deps';
import type { SessionRow } from '../sessions/store';

/** Signs an access token (RFC 9068) for a user's session. */
export function signAccessToken(
  deps: Pick<AuthDeps, 'keys' | 'denylist' | 'settings' | 'tokenLifetimeMs' | 'now'>,
  subject: {
    userId: string;
    username: string;
    /** Every session begins with a sign-in. */
    session: Pick<SessionRow, 'id' | 'createdAt' | 'appId' | 'scopes' | 'methods'>;
  } & Pick<Authorizations, 'roles' | 'permissions'>,
): Promise<string> {
  const { settings } = deps;
  const { session } = subject;
  const { key, kid } = deps.keys.signingKey();
  // After a revocation of all tokens within this very second, the token is issued in the next one.
  const issuedAt = Math.max(Math.floor(deps.now() / 1000), deps.denylist.revokedUntil(subject.userId) + 1);
  return new SignJWT({
    // Required by RFC 9068; people's own sessions share one client.
    client_id: session.appId ?? settings.audience,
    ...(session.appId !== null && { scope: (session.scopes ?? []).join(' ') }),
    sid: session.id,
    auth_time: Math.floor(session.createdAt.getTime() / 1000),
    ...(session.methods !== null && { amr: session.methods }),
    username: subject.username,
    roles: subject.roles,
    permissions: subject.permissions,
  })
    .setProtectedHeader({
      alg: settings.algorithm,
      typ: ACCESS_TOKEN_TYPE,
      ...(kid !== undefined && { kid }),
    })
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setSubject(subject.userId)
    .setJti(uuidv7())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(deps.tokenLifetimeMs / 1000))
    .sign(key);
}
