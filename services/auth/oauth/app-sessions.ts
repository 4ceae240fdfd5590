import { OPAQUE_TOKEN_PREFIX } from '#kit/auth/opaque-tokens';
import { uuidv7 } from '#kit/core/ids';
import type { Client } from '#kit/http/client-address';
import type { Transaction } from '#kit/mysql/database';
import type { AppRow } from '../apps/store';
import { type Authorizations, findAuthorizations } from '../credentials/authorizations';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { hashOf, newSecret } from '../secrets';
import { createRefreshToken, hashRefreshToken } from '../sessions/refresh-tokens';
import { SESSION_MS, sessionExpiry } from '../sessions/rules';
import { endSessions, type SessionUser } from '../sessions/service';
import * as sessions from '../sessions/store';
import { signAccessToken } from '../tokens/access-tokens';
import { withRevocations } from '../tokens/revocations';
import { OAuthError } from './errors';
import { signIdToken } from './id-tokens';
import type { TokenResponse } from './model';
import * as store from './store';

/** What a person has allowed an app. */
export interface Grant {
  readonly app: AppRow;
  readonly userId: string;
  readonly scopes: readonly string[];
  /** When and how they signed in. */
  readonly signedInAt: Date;
  readonly methods: readonly string[] | null;
  readonly nonce: string | null;
  /** Where the request for the tokens comes from. */
  readonly client: Client;
}

/** Sessions of one app that one person has: beyond it the oldest ends. */
const MAX_SESSIONS_PER_APP = 100;
/** Of a session without end; the last year that every database and clock knows. */
const FOREVER = new Date('9999-01-01T00:00:00Z');

/**
 * Opens a session of an app for a person, and issues its tokens.
 *
 * @param redeem marks what the session is opened for as used, in the same transaction
 * @throws OAuthError `invalid_grant` when the account is not active any more
 */
export async function openAppSession(
  deps: AuthDeps,
  grant: Grant,
  redeem: (transaction: Transaction, sessionId: string) => Promise<void>,
): Promise<TokenResponse> {
  const { app, userId } = grant;
  const authorizations = await findAuthorizations(deps, userId);
  const stored = await findByUserId(deps.database, userId);
  if (!authorizations.active || stored?.username == null)
    throw new OAuthError('invalid_grant', 'The account is not active.');
  const secret = secretOf(grant);
  const session = newAppSession(deps, grant, secret);
  await withRevocations(deps, userId, async (transaction, revoke) => {
    await redeem(transaction, session.id);
    const open = await sessions.listOpenSessionIds(transaction, userId, { appId: app.id });
    await endSessions(deps, open.slice(0, -(MAX_SESSIONS_PER_APP - 1)), { transaction, revoke });
    await sessions.insertSession(transaction, session);
    await insertSecret(transaction, session, secret);
  });
  const user = { userId, username: stored.username };
  if (secret.kind === 'opaque') return opaqueResponse(deps, grant, { session, token: secret.token });
  return jwtResponse(deps, user, authorizations, { session, nonce: grant.nonce, refreshToken: secret.token });
}

/** What an app keeps of a session: a token without end, a refresh token, or nothing beyond its access token. */
type Secret =
  | { readonly kind: 'opaque'; readonly token: string }
  | { readonly kind: 'jwt'; readonly token: string | undefined };

function secretOf({ app, scopes }: Grant): Secret {
  if (app.kind === 'mastodon') return { kind: 'opaque', token: `${OPAQUE_TOKEN_PREFIX}${newSecret()}` };
  const refreshes = app.grantTypes.includes('refresh_token') || scopes.includes('offline_access');
  return { kind: 'jwt', token: refreshes ? createRefreshToken() : undefined };
}

function newAppSession(
  deps: Pick<AuthDeps, 'now' | 'tokenLifetimeMs'>,
  grant: Grant,
  secret: Secret,
): sessions.SessionRow {
  const now = deps.now();
  const until =
    secret.kind === 'opaque'
      ? FOREVER
      : new Date(now + (secret.token === undefined ? deps.tokenLifetimeMs : SESSION_MS));
  return {
    id: uuidv7(),
    userId: grant.userId,
    address: grant.client.address.slice(0, 45),
    userAgent: grant.client.user_agent?.slice(0, 255) ?? null,
    createdAt: new Date(now),
    lastUsedAt: new Date(now),
    expiresAt: secret.kind === 'opaque' ? until : sessionExpiry(now, { endsAt: until }),
    endsAt: until,
    endedAt: null,
    appId: grant.app.id,
    scopes: [...grant.scopes],
    methods: grant.methods === null ? null : [...grant.methods],
    signedInAt: grant.signedInAt,
  };
}

async function insertSecret(
  transaction: Transaction,
  session: sessions.SessionRow,
  { kind, token }: Secret,
): Promise<void> {
  if (token === undefined) return;
  if (kind === 'jwt')
    return sessions.insertRefreshToken(transaction, { hash: hashRefreshToken(token), sessionId: session.id });
  return store.insertAppToken(transaction, {
    hash: hashOf(token),
    id: uuidv7(),
    appId: session.appId ?? '',
    sessionId: session.id,
    scopes: session.scopes ?? [],
    createdAt: session.createdAt,
    expiresAt: null,
  });
}

/** Of an app whose tokens do not expire: clients of Mastodon read `created_at`, and never refresh. */
async function opaqueResponse(
  deps: AuthDeps,
  grant: Grant,
  { session, token }: { session: sessions.SessionRow; token: string },
): Promise<TokenResponse> {
  const subject = { ...grant, appId: grant.app.id, accessToken: token };
  return {
    access_token: token,
    token_type: 'Bearer',
    scope: grant.scopes.join(' '),
    created_at: Math.floor(session.createdAt.getTime() / 1000),
    ...(grant.scopes.includes('openid') && { id_token: await signIdToken(deps, subject) }),
  };
}

/** The tokens of a session that has just been opened or refreshed. */
export async function jwtResponse(
  deps: AuthDeps,
  user: SessionUser,
  authorizations: Authorizations,
  issued: { session: sessions.SessionRow; nonce: string | null; refreshToken: string | undefined },
): Promise<TokenResponse> {
  const { session, nonce, refreshToken } = issued;
  const scopes = session.scopes ?? [];
  const accessToken = await signAccessToken(deps, { ...user, ...authorizations, session });
  const subject = {
    appId: session.appId ?? '',
    userId: user.userId,
    signedInAt: session.signedInAt ?? session.createdAt,
    methods: session.methods,
    nonce,
    accessToken,
  };
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: Math.floor(deps.tokenLifetimeMs / 1000),
    scope: scopes.join(' '),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    ...(scopes.includes('openid') && { id_token: await signIdToken(deps, subject) }),
  };
}
