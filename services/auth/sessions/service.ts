import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Client } from '#kit/http/client-address';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { Transaction } from '#kit/mysql/database';
import { type Authorizations, findAuthorizations } from '../credentials/authorizations';
import { findByUserId, lockByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { deleteGrantsOf } from '../oauth/store';
import { secondFactorRequired } from '../second-factors/pending';
import { isMultiFactor, withPassword } from '../second-factors/rules';
import { findFactors, hasFactor } from '../second-factors/store';
import { signAccessToken } from '../tokens/access-tokens';
import { type Revoke, withRevocations } from '../tokens/revocations';
import {
  InvalidCredentials,
  InvalidRefreshToken,
  type Session,
  SessionNotFound,
  type TokenPair,
} from './model';
import { createRefreshToken, hashRefreshToken, successorOf } from './refresh-tokens';
import { classifyRefresh, isActive, SESSION_MS, sessionExpiry } from './rules';
import * as store from './store';

export interface SessionUser {
  readonly userId: string;
  readonly username: string;
}

/** How a session begins. */
export interface SignInResult {
  readonly client: Client;
  /**
   * The hash that the password was verified against, so that a concurrent password change rejects the sign-in; null if no
   * password was verified.
   */
  readonly verifiedHash: string | null;
  /** The factors that were shown (`amr`, RFC 8176); null for none. */
  readonly methods: readonly string[] | null;
}

/** Part of a larger change that revokes tokens. */
interface Revoking {
  readonly transaction: Transaction;
  readonly revoke: Revoke;
}

/** Of their own. Beyond it the oldest ends: more than anybody's devices, and few enough to read all of them. */
const MAX_SESSIONS_PER_USER = 100;

/**
 * Opens a session for a user on one device. Every sign-in comes through here, so that none goes around a second factor:
 * where the user has one that was not shown, a pending sign-in begins instead.
 *
 * @throws InvalidCredentials if the user's hash has changed since
 * @throws SecondFactorRequired
 */
export async function openSession(
  deps: AuthDeps,
  user: SessionUser,
  authorizations: Authorizations,
  { client, verifiedHash, methods }: SignInResult,
): Promise<TokenPair> {
  const session = newSession(deps, user.userId, { client, methods });
  const refreshToken = createRefreshToken();
  const missing = await withRevocations(deps, user.userId, async (transaction, revoke) => {
    if (verifiedHash !== null) {
      const stored = await lockByUserId(transaction, user.userId);
      if (stored?.passwordHash !== verifiedHash || !stored.active) throw new InvalidCredentials();
    }
    const factors = isMultiFactor(methods) ? undefined : await findFactors(transaction, user.userId);
    if (factors !== undefined && hasFactor(factors)) return factors;
    const open = await store.listOpenSessionIds(transaction, user.userId, { appId: null });
    await endSessions(deps, open.slice(0, -(MAX_SESSIONS_PER_USER - 1)), { transaction, revoke });
    await insertSession(transaction, session, refreshToken);
    return undefined;
  });
  if (missing !== undefined)
    throw await secondFactorRequired(deps, user.userId, { methods, verifiedHash, factors: missing });
  return tokenPair(deps, user, authorizations, { session, refreshToken });
}

function newSession(
  deps: AuthDeps,
  userId: string,
  { client, methods }: Pick<SignInResult, 'client' | 'methods'>,
): store.SessionRow {
  const now = deps.now();
  const endsAt = new Date(now + SESSION_MS);
  return {
    id: uuidv7(),
    userId,
    address: client.address.slice(0, 45),
    userAgent: client.user_agent?.slice(0, 255) ?? null,
    createdAt: new Date(now),
    lastUsedAt: new Date(now),
    expiresAt: sessionExpiry(now, { endsAt }),
    endsAt,
    endedAt: null,
    appId: null,
    scopes: null,
    methods: methods === null ? null : [...methods],
    signedInAt: null,
  };
}

async function insertSession(
  transaction: Transaction,
  session: store.SessionRow,
  refreshToken: string,
): Promise<void> {
  await store.insertSession(transaction, session);
  await store.insertRefreshToken(transaction, {
    hash: hashRefreshToken(refreshToken),
    sessionId: session.id,
  });
}

/**
 * Exchanges a refresh token for its successor and a new access token. A refresh token is used once. A second use within
 * ten seconds returns the same successor, so that two tabs do not sign each other out; later reuse ends the session,
 * because the token must have been stolen.
 *
 * @throws InvalidRefreshToken for an unknown token, and if the session has ended or is ended by reuse
 */
export async function refresh(deps: AuthDeps, refreshToken: string): Promise<TokenPair> {
  const { user, authorizations, ...exchanged } = await exchangeRefreshToken(deps, refreshToken, null);
  return tokenPair(deps, user, authorizations, exchanged);
}

/**
 * Exchanges a refresh token for its successor, as `refresh` does.
 *
 * @param appId the app whose session it must be of; null for a person's own
 */
export async function exchangeRefreshToken(deps: AuthDeps, refreshToken: string, appId: string | null) {
  const found = await store.findSessionOfRefreshToken(deps.database, hashRefreshToken(refreshToken));
  if (found === undefined || found.session.appId !== appId || !isActive(found.session, deps.now()))
    throw new InvalidRefreshToken();
  const { userId } = found.session;
  const authorizations = await findAuthorizations(deps, userId);
  const stored = await findByUserId(deps.database, userId);
  const successor = await rotate(deps, found.session, { refreshToken, active: authorizations.active });
  if (successor === undefined || stored?.username == null) throw new InvalidRefreshToken();
  const user = { userId, username: stored.username };
  return { user, authorizations, session: found.session, refreshToken: successor };
}

/** @returns the successor; undefined if the session has ended, or is ended by reuse or for an inactive user */
function rotate(
  deps: AuthDeps,
  { id: sessionId, userId }: store.SessionRow,
  { refreshToken, active }: { refreshToken: string; active: boolean },
): Promise<string | undefined> {
  const hash = hashRefreshToken(refreshToken);
  return withRevocations(deps, userId, async (transaction, revoke) => {
    // The lock serializes the refreshes of a session.
    const session = await store.lockSession(transaction, sessionId);
    const token = await store.lockRefreshToken(transaction, hash);
    const now = deps.now();
    if (session === undefined || token === undefined || !isActive(session, now)) return undefined;
    const use = classifyRefresh(token, now);
    if (use === 'theft' || !active) {
      await endSessions(deps, [sessionId], { transaction, revoke });
      return undefined;
    }
    if (use === 'repeat') return newestSuccessor(deps, transaction, refreshToken);
    const successor = successorOf(deps.refreshSecret, refreshToken);
    await store.markUsed(transaction, hash, new Date(now));
    await store.insertRefreshToken(transaction, { hash: hashRefreshToken(successor), sessionId });
    await store.touchSession(transaction, sessionId, {
      lastUsedAt: new Date(now),
      expiresAt: sessionExpiry(now, session),
    });
    return successor;
  });
}

/** The end of the chain: a late tab must not get a token that another tab has already used. */
async function newestSuccessor(
  { refreshSecret }: AuthDeps,
  transaction: Transaction,
  refreshToken: string,
): Promise<string | undefined> {
  let newest = successorOf(refreshSecret, refreshToken);
  for (;;) {
    const row = await store.lockRefreshToken(transaction, hashRefreshToken(newest));
    if (row === undefined) return undefined;
    if (row.usedAt === null) return newest;
    newest = successorOf(refreshSecret, newest);
  }
}

async function tokenPair(
  deps: AuthDeps,
  user: SessionUser,
  authorizations: Authorizations,
  { session, refreshToken }: { session: store.SessionRow; refreshToken: string },
): Promise<TokenPair> {
  return {
    access_token: await signAccessToken(deps, { ...user, ...authorizations, session }),
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: Math.floor(deps.tokenLifetimeMs / 1000),
  };
}

/** The session of a refresh token that can still be exchanged. */
export async function findRefreshableSession(
  deps: AuthDeps,
  refreshToken: string,
): Promise<store.SessionRow | undefined> {
  const found = await store.findSessionOfRefreshToken(deps.database, hashRefreshToken(refreshToken));
  if (found === undefined || found.token.usedAt !== null) return undefined;
  return isActive(found.session, deps.now()) ? found.session : undefined;
}

/** The session of a refresh token, used or not. */
export const findSessionOf = async (deps: AuthDeps, refreshToken: string) =>
  (await store.findSessionOfRefreshToken(deps.database, hashRefreshToken(refreshToken)))?.session;

export async function listSessions(deps: AuthDeps, caller: Caller, query: PageQuery): Promise<Page<Session>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listSessions(deps.database, caller.id, {
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
    now: new Date(deps.now()),
  });
  return toPage(
    rows,
    limit,
    (row) => [row.id],
    (row) => ({
      id: row.id,
      address: row.address,
      user_agent: row.userAgent,
      created_at: row.createdAt.toISOString(),
      last_used_at: row.lastUsedAt.toISOString(),
      current: row.id === caller.sessionId,
    }),
  );
}

/** Ends one of the caller's sessions. @throws SessionNotFound, also for another user's session */
export async function endOwnSession(deps: AuthDeps, caller: Caller, id: string): Promise<void> {
  const session = await store.findSession(deps.database, id);
  const isOwn = session?.userId === caller.id && session.appId === null;
  if (!isOwn || !isActive(session, deps.now())) throw new SessionNotFound();
  await endSession(deps, session);
}

/** Ends a session: its refresh tokens at once, its access tokens as soon as every process has the revocation. */
export async function endSession(deps: AuthDeps, session: { id: string; userId: string }): Promise<void> {
  await withRevocations(deps, session.userId, (transaction, revoke) =>
    endSessions(deps, [session.id], { transaction, revoke }),
  );
}

/**
 * Ends all of the caller's sessions and opens a new one, as part of a change after which old tokens are worth nothing. The
 * caller has shown the password again; the new session keeps the other factors of the old one.
 *
 * @param change what else the transaction does, before the sessions end
 */
export async function renewSession(
  deps: AuthDeps,
  caller: Caller,
  client: Client,
  change: (transaction: Transaction) => Promise<void>,
): Promise<TokenPair> {
  const { id: userId, username } = caller;
  const authorizations = await findAuthorizations(deps, userId);
  if (!authorizations.active) throw new InvalidCredentials();
  const session = newSession(deps, userId, { client, methods: withPassword(caller.methods) });
  const refreshToken = createRefreshToken();
  await withRevocations(deps, userId, async (transaction, revoke) => {
    await change(transaction);
    await deleteGrantsOf(transaction, userId);
    const open = await store.listOpenSessionIds(transaction, userId);
    await endSessions(deps, open, { transaction, revoke });
    await insertSession(transaction, session, refreshToken);
  });
  return tokenPair(deps, { userId, username }, authorizations, { session, refreshToken });
}

/** Ends sessions of one user, as part of a change that revokes tokens. */
export async function endSessions(
  deps: AuthDeps,
  ids: readonly string[],
  { transaction, revoke }: Revoking,
): Promise<void> {
  await store.endSessions(transaction, ids, new Date(deps.now()));
  for (const subject of ids) revoke({ kind: 'session', subject });
}
