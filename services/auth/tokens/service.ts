import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { Unauthenticated } from '#kit/errors/problem';
import { findByUserId } from '../credentials/store';
import type { Introspection } from '../sessions/model';
import { endSession, findRefreshableSession, findSessionOf, type SessionsDeps } from '../sessions/service';
import { isRecorded, revoking } from './revocations';

export interface TokensDeps extends SessionsDeps {
  readonly tokens: TokenVerifier;
}

/**
 * The claims of an access token that is good, held against the record and not only against this process's memory.
 *
 * @throws Unauthenticated
 */
export async function verifyToken(deps: TokensDeps, token: string): Promise<Caller> {
  const caller = await deps.tokens.verify(token);
  if (await isRecorded(deps.database, caller)) throw new Unauthenticated();
  return caller;
}

/** RFC 7662: what a token of either kind is worth. Whatever is wrong with it, the answer is only that it is not active. */
export async function introspect(deps: TokensDeps, token: string): Promise<Introspection> {
  const { issuer, audience } = deps.settings;
  const caller = await ifGood(deps, token);
  if (caller !== undefined)
    return {
      active: true,
      token_type: 'Bearer',
      client_id: audience,
      username: caller.username,
      sub: caller.id,
      sid: caller.sessionId,
      jti: caller.tokenId,
      iss: issuer,
      aud: audience,
      iat: caller.issuedAt,
      exp: caller.expiresAt,
    };
  const session = await findRefreshableSession(deps, token);
  if (session === undefined) return { active: false };
  return {
    active: true,
    token_type: 'refresh_token',
    client_id: audience,
    sub: session.userId,
    sid: session.id,
    iss: issuer,
    exp: Math.floor(session.expiresAt.getTime() / 1000),
  };
}

/** RFC 7009: ends an access token alone, or with a refresh token its whole session. An unknown token is no error. */
export async function revokeToken(deps: TokensDeps, token: string): Promise<void> {
  const caller = await ifGood(deps, token);
  if (caller !== undefined)
    return revoking(deps, caller.id, async (_, revoke) => revoke({ kind: 'token', subject: caller.tokenId }));
  const session = await findSessionOf(deps, token);
  if (session !== undefined) await endSession(deps, session);
}

/** The access token in an `Authorization` value, good or not. */
export const accessTokenIn = (authorization: string | null | undefined): string | undefined =>
  authorization?.replace(/^bearer /i, '');

/** Ends the sessions that the tokens belong to. Signing out always works: a token that is not good has no session left. */
export async function logOut(
  deps: TokensDeps,
  tokens: { refreshToken: string | undefined; accessToken: string | undefined },
): Promise<void> {
  const caller = tokens.accessToken === undefined ? undefined : await ifGood(deps, tokens.accessToken);
  const session =
    tokens.refreshToken === undefined ? undefined : await findSessionOf(deps, tokens.refreshToken);
  if (caller !== undefined) await endSession(deps, { id: caller.sessionId, userId: caller.id });
  if (session !== undefined && session.id !== caller?.sessionId) await endSession(deps, session);
}

/** Who is asking, with what this service knows besides the token. */
export async function readMe(deps: TokensDeps, caller: Caller) {
  const known = await findByUserId(deps.database, caller.id);
  return {
    id: caller.id,
    username: known?.username ?? caller.username,
    email: known?.email ?? null,
    roles: [...caller.roles],
    permissions: [...caller.permissions],
    session_id: caller.sessionId,
  };
}

async function ifGood(deps: TokensDeps, token: string): Promise<Caller | undefined> {
  try {
    return await verifyToken(deps, token);
  } catch (failure) {
    if (failure instanceof Unauthenticated) return undefined;
    throw failure;
  }
}
