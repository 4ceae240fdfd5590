import type { Caller } from '#kit/auth/caller';
import { isOpaqueToken } from '#kit/auth/opaque-tokens';
import type { AppRow } from '../apps/store';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { endSession, findRefreshableSession, findSessionOf } from '../sessions/service';
import type { SessionRow } from '../sessions/store';
import { findActive, revokeAppToken } from '../tokens/app-tokens';
import type { Introspection } from '../tokens/model';
import { withRevocations } from '../tokens/revocations';
import { tryIdentify } from '../tokens/service';
import type { AppTokenRow } from '../tokens/store';
import { OAuthError } from './errors';

const INACTIVE: Introspection = { active: false };

/** RFC 7662, for tokens of the app that asks. Others are as inactive as unknown ones. */
export async function introspectOwnToken(deps: AuthDeps, app: AppRow, token: string): Promise<Introspection> {
  if (isOpaqueToken(token)) return introspectOpaque(deps, app, token);
  const caller = await tryIdentify(deps, token);
  if (caller !== undefined) return caller.app?.id === app.id ? accessTokenView(deps, app, caller) : INACTIVE;
  const session = await findRefreshableSession(deps, token);
  if (session === undefined || session.appId !== app.id) return INACTIVE;
  return {
    ...sessionView(deps, app, session),
    token_type: 'refresh_token',
    exp: Math.floor(session.expiresAt.getTime() / 1000),
  };
}

async function introspectOpaque(deps: AuthDeps, app: AppRow, token: string): Promise<Introspection> {
  const found = await findActive(deps, token);
  if (found === undefined || found.appToken.appId !== app.id) return INACTIVE;
  const { appToken, session } = found;
  const username = session === null ? null : (await findByUserId(deps.database, session.userId))?.username;
  return {
    ...(session === null ? ofApp(deps, app, appToken) : sessionView(deps, app, session)),
    ...(username != null && { username }),
    token_type: 'Bearer',
    jti: appToken.id,
    aud: deps.settings.audience,
    ...(appToken.expiresAt !== null && { exp: Math.floor(appToken.expiresAt.getTime() / 1000) }),
  };
}

const ofApp = (deps: AuthDeps, app: AppRow, row: AppTokenRow): Introspection => ({
  active: true,
  client_id: app.id,
  scope: row.scopes.join(' '),
  sub: app.id,
  iss: deps.settings.issuer,
  iat: Math.floor(row.createdAt.getTime() / 1000),
});

const sessionView = (deps: AuthDeps, app: AppRow, session: SessionRow): Introspection => ({
  active: true,
  client_id: app.id,
  scope: (session.scopes ?? []).join(' '),
  sub: session.userId,
  sid: session.id,
  iss: deps.settings.issuer,
  iat: Math.floor(session.createdAt.getTime() / 1000),
});

const accessTokenView = ({ settings }: AuthDeps, app: AppRow, caller: Caller): Introspection => ({
  active: true,
  token_type: 'Bearer',
  client_id: app.id,
  scope: (caller.app?.scopes ?? []).join(' '),
  username: caller.username,
  sub: caller.id,
  sid: caller.sessionId,
  jti: caller.tokenId,
  iss: settings.issuer,
  aud: settings.audience,
  iat: caller.issuedAt,
  exp: caller.expiresAt,
  ...(caller.signedInAt > 0 && { auth_time: caller.signedInAt }),
});

/**
 * RFC 7009, for tokens of the app that asks: an access token ends alone, a refresh token and a token without end with its session.
 * An unknown token is no error.
 *
 * @throws OAuthError `unauthorized_client` for a token of another app
 */
export async function revokeOwnToken(deps: AuthDeps, app: AppRow, token: string): Promise<void> {
  const requireOwn = (appId: string | null | undefined) => {
    if (appId !== app.id) throw new OAuthError('unauthorized_client', 'The token is of another client.');
  };
  if (isOpaqueToken(token)) {
    const found = await findActive(deps, token);
    if (found === undefined) return;
    requireOwn(found.appToken.appId);
    return revokeAppToken(deps, token);
  }
  const caller = await tryIdentify(deps, token);
  if (caller !== undefined) {
    requireOwn(caller.app?.id);
    return withRevocations(deps, caller.id, async (_, revoke) =>
      revoke({ kind: 'token', subject: caller.tokenId }),
    );
  }
  const session = await findSessionOf(deps, token);
  if (session === undefined) return;
  requireOwn(session.appId);
  await endSession(deps, session);
}
