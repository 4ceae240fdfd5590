import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import type { Authorizations } from '../credentials/authorizations';
import type { AuthDeps } from '../deps';
import type { SessionRow } from '../sessions/store';

type SigningDeps = Pick<AuthDeps, 'keys' | 'denylist' | 'settings' | 'tokenLifetimeMs' | 'now'>;

/** What else may be said about a token. */
interface Issued {
  /** The `jti`; a new one by default. */
  readonly tokenId?: string;
  readonly lifetimeMs?: number;
}

/** Signs an access token (RFC 9068) for a user's session. */
export function signAccessToken(
  deps: SigningDeps,
  subject: {
    userId: string;
    username: string;
    /** A session begins with a sign-in, but for one of an app. */
    session: Pick<SessionRow, 'id' | 'createdAt' | 'appId' | 'scopes' | 'methods' | 'signedInAt'>;
  } & Pick<Authorizations, 'roles' | 'permissions'>,
  issued: Issued = {},
): Promise<string> {
  const { session } = subject;
  const claims = {
    // Required by RFC 9068; people's own sessions share one client.
    client_id: session.appId ?? deps.settings.audience,
    ...(session.appId !== null && { scope: (session.scopes ?? []).join(' ') }),
    sid: session.id,
    auth_time: Math.floor((session.signedInAt ?? session.createdAt).getTime() / 1000),
    ...(session.methods !== null && { amr: session.methods }),
    username: subject.username,
    roles: subject.roles,
    // An app is no operator, whoever has allowed it.
    permissions: session.appId === null ? subject.permissions : [],
  };
  return sign(deps, subject.userId, claims, issued);
}

/** Signs an access token for an app that acts for nobody (RFC 9068, section 2.2: then `sub` is the client). */
export function signAppToken(
  deps: SigningDeps,
  { id, appId, scopes }: { id: string; appId: string; scopes: readonly string[] },
  issued: Issued,
): Promise<string> {
  const claims = { client_id: appId, scope: scopes.join(' '), sid: id, roles: [], permissions: [] };
  return sign(deps, appId, claims, issued);
}

function sign(
  deps: SigningDeps,
  subject: string,
  claims: Record<string, unknown>,
  { tokenId = uuidv7(), lifetimeMs = deps.tokenLifetimeMs }: Issued,
): Promise<string> {
  const { settings } = deps;
  const { key, kid } = deps.keys.signingKey();
  // After a revocation of all tokens within this very second, the token is issued in the next one.
  const issuedAt = Math.max(Math.floor(deps.now() / 1000), deps.denylist.revokedUntil(subject) + 1);
  return new SignJWT(claims)
    .setProtectedHeader({
      alg: settings.algorithm,
      typ: ACCESS_TOKEN_TYPE,
      ...(kid !== undefined && { kid }),
    })
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setSubject(subject)
    .setJti(tokenId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(lifetimeMs / 1000))
    .sign(key);
}
