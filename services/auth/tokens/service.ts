import { requiredPerson } from '#kit/auth/app-access';
import type { Caller } from '#kit/auth/caller';
import { isOpaqueToken } from '#kit/auth/opaque-tokens';
import type { Scope } from '#kit/auth/scopes';
import { Unauthenticated } from '#kit/errors/problem';
import type { AuthDeps } from '../deps';
import { endSession, findRefreshableSession, findSessionOf } from '../sessions/service';
import { revokeAppToken } from './app-tokens';
import type { Introspection, VerifiedToken } from './model';
import { withRevocations } from './revocations';
import { isRevoked } from './store';

/**
 * Verifies an access token, checking revocations in the database and not only in this process's denylist.
 *
 * @param scope what an app needs that acts for the user
 * @throws Unauthenticated, InsufficientScope
 */
export async function verifyToken(deps: AuthDeps, token: string, scope?: Scope): Promise<Caller> {
  return requiredPerson(await identify(deps, token), scope);
}

async function identify(deps: AuthDeps, token: string): Promise<Caller> {
  const caller = await deps.tokens.identify(token);
  if (await isRevoked(deps.database, caller)) throw new Unauthenticated();
  return caller;
}

/** Whose token it is, which may be an app. @returns undefined for an invalid token */
export async function tryIdentify(deps: AuthDeps, token: string): Promise<Caller | undefined> {
  try {
    return await identify(deps, token);
  } catch (failure) {
    if (failure instanceof Unauthenticated) return undefined;
    throw failure;
  }
}

/** RFC 7662, for access and refresh tokens. For an invalid token the response is only that it is inactive. */
export async function introspect(deps: AuthDeps, token: string): Promise<Introspection> {
  const { issuer, audience } = deps.settings;
  const caller = await tryIdentify(deps, token);
  if (caller !== undefined)
    return {
      active: true,
      token_type: 'Bearer',
      client_id: caller.app?.id ?? audience,
      ...(caller.app && { scope: caller.app.scopes.join(' ') }),
      ...(caller.username !== '' && { username: caller.username }),
      sub: caller.id,
      sid: caller.sessionId,
      jti: caller.tokenId,
      iss: issuer,
      aud: audience,
      iat: caller.issuedAt,
      ...(caller.signedInAt > 0 && { auth_time: caller.signedInAt }),
      exp: caller.expiresAt,
    };
  const session = await findRefreshableSession(deps, token);
  if (session === undefined) return { active: false };
  return {
    active: true,
    token_type: 'refresh_token',
    client_id: session.appId ?? audience,
    ...(session.scopes !== null && { scope: session.scopes.join(' ') }),
    sub: session.userId,
    sid: session.id,
    iss: issuer,
    exp: Math.floor(session.expiresAt.getTime() / 1000),
  };
}

/**
 * RFC 7009: revokes an access token alone, or a refresh token or an opaque token with its session. An unknown token is not
 * an error.
 */
export async function revokeToken(deps: AuthDeps, token: string): Promise<void> {
  if (isOpaqueToken(token)) return revokeAppToken(deps, token);
  const caller = await tryIdentify(deps, token);
  if (caller !== undefined)
    return withRevocations(deps, caller.id, async (_, revoke) =>
      revoke({ kind: 'token', subject: caller.tokenId }),
    );
  const session = await findSessionOf(deps, token);
  if (session !== undefined) await endSession(deps, session);
}

export const verifiedTokenView = (caller: Caller): VerifiedToken => ({
  user_id: caller.id,
  username: caller.username,
  session_id: caller.sessionId,
  token_id: caller.tokenId,
  roles: [...caller.roles],
  permissions: [...caller.permissions],
  issued_at: caller.issuedAt,
  expires_at: caller.expiresAt,
});
