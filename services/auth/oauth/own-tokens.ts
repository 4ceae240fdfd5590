import type { Caller } from '#kit/auth/caller';
import type { AppRow } from '../apps/store';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { hashOf } from '../secrets';
import { isActive } from '../sessions/rules';
import { endSession, findRefreshableSession, findSessionOf } from '../sessions/service';
import { findSession, type SessionRow } from '../sessions/store';
import type { Introspection } from '../tokens/model';
import { withRevocations } from '../tokens/revocations';
import { tryIdentify } from '../tokens/service';
import { APP_TOKEN_PREFIX } from './app-sessions';
import { OAuthError } from './errors';
import { type AppTokenRow, deleteAppToken, findAppToken } from './store';

const INACTIVE: Introspection = { active: false };

/** RFC 7662, for tokens of the app that asks. Others are as inactive as unknown ones. */
export async function introspectOwnToken(deps: AuthDeps, app: AppRow, token: string): Promise<Introspection> {
  if (token.startsWith(APP_TOKEN_PREFIX)) return introspectOpaque(deps, app, token);
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
  const row = await findAppToken(deps.database, hashOf(token));
  if (row === undefined || row.appId !== app.id || isOver(row.expiresAt, deps.now())) return INACTIVE;
  const session = row.sessionId === null ? undefined : await findSession(deps.database, row.sessionId);
  if (row.sessionId !== null && (session === undefined || !isActive(session, deps.now()))) return INACTIVE;
  const username =
    session === undefined ? null : (await findByUserId(deps.database, session.userId))?.username;
  return {
    ...(session === undefined ? ofApp(deps, app, row) : sessionView(deps, app, session)),
    ...(username != null && { username }),
    token_type: 'Bearer',
    jti: row.id,
    aud: deps.settings.audience,
    ...(row.expiresAt !== null && { exp: Math.floor(row.expiresAt.getTime() / 1000) }),
  };
}

const isOver = (expiresAt: Date | null, now: number) => expiresAt !== null && expiresAt.getTime() <= now;

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
  if (token.startsWith(APP_TOKEN_PREFIX)) {
    const row = await findAppToken(deps.database, hashOf(token));
    if (row === undefined) return;
    requireOwn(row.appId);
    return revokeOpaque(deps, row);
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

async function revokeOpaque(deps: AuthDeps, row: AppTokenRow): Promise<void> {
  const session = row.sessionId === null ? undefined : await findSession(deps.database, row.sessionId);
  if (session !== undefined) await endSession(deps, session);
  // Also what services have exchanged it for.
  await withRevocations(deps, session?.userId ?? row.appId, async (transaction, revoke) => {
    await deleteAppToken(transaction, row.hash);
    revoke({ kind: 'token', subject: row.id });
  });
}
