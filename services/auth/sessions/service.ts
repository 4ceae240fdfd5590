import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Client } from '#kit/http/client-address';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import type { Transaction } from '#kit/mysql/database';
import { type Authorizations, type CredentialsDeps, findAuthorizations } from '../credentials/service';
import { findByUserId, holdByUserId } from '../credentials/store';
import { isAlive, judgeRefresh, SESSION_MS, sessionExpiry } from '../keys/rules';
import { type AccessTokenDeps, signAccessToken } from '../tokens/access-tokens';
import { type Revoke, revoking } from '../tokens/revocations';
import { RefreshRefused, type Session, SessionNotFound, type TokenPair, WrongCredentials } from './model';
import * as store from './store';

export interface SessionsDeps extends CredentialsDeps, AccessTokenDeps {
  /** Successors of refresh tokens are made with it. */
  readonly refreshSecret: Uint8Array;
}

export interface Person {
  readonly userId: string;
  readonly username: string;
}

/** Beyond this many the oldest ends: nobody has more devices, and each row has to be looked through. */
const SESSIONS_PER_PERSON = 100;

/**
 * Signs a person in on one device.
 *
 * @param verifiedHash what the password was held against; with it a password changed meanwhile lets nobody in
 * @throws WrongCredentials when that is no longer the person's
 */
export async function openSession(
  deps: SessionsDeps,
  person: Person,
  authorizations: Authorizations,
  { client, verifiedHash }: { client: Client; verifiedHash: string | null },
): Promise<TokenPair> {
  const now = deps.now();
  const endsAt = new Date(now + SESSION_MS);
  const session = {
    id: uuidv7(),
    userId: person.userId,
    address: client.address.slice(0, 45),
    userAgent: client.user_agent?.slice(0, 255) ?? null,
    createdAt: new Date(now),
    lastUsedAt: new Date(now),
    expiresAt: sessionExpiry(now, { endsAt }),
    endsAt,
    endedAt: null,
  };
  const refreshToken = randomBytes(32).toString('base64url');
  await revoking(deps, person.userId, async (transaction, revoke) => {
    if (verifiedHash !== null) {
      const known = await holdByUserId(transaction, person.userId);
      if (known?.passwordHash !== verifiedHash || !known.active) throw new WrongCredentials();
    }
    const open = await store.listOpenSessionIds(transaction, person.userId);
    await end(deps, open.slice(0, -(SESSIONS_PER_PERSON - 1)), { transaction, revoke });
    await store.insertSession(transaction, session);
    await store.insertRefreshToken(transaction, { hash: hashOf(refreshToken), sessionId: session.id });
  });
  return tokenPair(deps, person, authorizations, { sessionId: session.id, refreshToken });
}

/**
 * Exchanges a refresh token for its successor and a new access token. A token is used once. Its second use within
 * ten seconds gets the same successor, so that two tabs do not sign each other out; a later one ends the session,
 * because then two parties hold what only one was given.
 *
 * @throws RefreshRefused for an unknown token, and when the session has ended or ends by this
 */
export async function refresh(deps: SessionsDeps, refreshToken: string): Promise<TokenPair> {
  const found = await store.findSessionOfRefreshToken(deps.database, hashOf(refreshToken));
  if (found === undefined || !isAlive(found.session, deps.now())) throw new RefreshRefused();
  const { userId, id: sessionId } = found.session;
  const authorizations = await findAuthorizations(deps, userId);
  const known = await findByUserId(deps.database, userId);
  const successor = await revoking(deps, userId, async (transaction, revoke) => {
    // One refresh of a session after the other.
    const session = await store.lockSession(transaction, sessionId);
    const token = await store.lockRefreshToken(transaction, hashOf(refreshToken));
    const now = deps.now();
    if (session === undefined || token === undefined || !isAlive(session, now)) return undefined;
    const judgement = judgeRefresh(token, now);
    if (judgement === 'theft' || !authorizations.active) {
      await end(deps, [sessionId], { transaction, revoke });
      return undefined;
    }
    if (judgement === 'repeat') return newestSuccessor(deps, transaction, refreshToken);
    const next = successorOf(deps, refreshToken);
    await store.markUsed(transaction, hashOf(refreshToken), new Date(now));
    await store.insertRefreshToken(transaction, { hash: hashOf(next), sessionId });
    await store.touchSession(transaction, sessionId, {
      lastUsedAt: new Date(now),
      expiresAt: sessionExpiry(now, session),
    });
    return next;
  });
  if (successor === undefined || known?.username == null) throw new RefreshRefused();
  const person = { userId, username: known.username };
  return tokenPair(deps, person, authorizations, { sessionId, refreshToken: successor });
}

/** The end of the chain: a tab that comes late must not get a token that another has used already. */
async function newestSuccessor(
  deps: SessionsDeps,
  transaction: Transaction,
  refreshToken: string,
): Promise<string | undefined> {
  let newest = successorOf(deps, refreshToken);
  for (;;) {
    const row = await store.lockRefreshToken(transaction, hashOf(newest));
    if (row === undefined) return undefined;
    if (row.usedAt === null) return newest;
    newest = successorOf(deps, newest);
  }
}

/**
 * The same for the same token, so that nothing has to be kept for its second use; and unknown to whoever does not
 * hold both the token and this service's secret.
 */
const successorOf = ({ refreshSecret }: SessionsDeps, refreshToken: string): string =>
  createHmac('sha256', refreshSecret).update(refreshToken).digest('base64url');

const hashOf = (refreshToken: string): string => createHash('sha256').update(refreshToken).digest('hex');

async function tokenPair(
  deps: SessionsDeps,
  person: Person,
  authorizations: Authorizations,
  { sessionId, refreshToken }: { sessionId: string; refreshToken: string },
): Promise<TokenPair> {
  return {
    access_token: await signAccessToken(deps, { ...person, ...authorizations, sessionId }),
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: Math.floor(deps.tokenLifetimeMs / 1000),
  };
}

/** The session of a refresh token that can still be used. */
export async function findRefreshableSession(
  deps: SessionsDeps,
  refreshToken: string,
): Promise<store.SessionRow | undefined> {
  const found = await store.findSessionOfRefreshToken(deps.database, hashOf(refreshToken));
  if (found === undefined || found.token.usedAt !== null) return undefined;
  return isAlive(found.session, deps.now()) ? found.session : undefined;
}

/** The session a refresh token belongs to, used or not. */
export const findSessionOf = async (deps: SessionsDeps, refreshToken: string) =>
  (await store.findSessionOfRefreshToken(deps.database, hashOf(refreshToken)))?.session;

export async function listSessions(
  deps: SessionsDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Session>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
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

/** Ends one of one's own sessions. @throws SessionNotFound also for somebody else's */
export async function endOwnSession(deps: SessionsDeps, caller: Caller, id: string): Promise<void> {
  const session = await store.findSession(deps.database, id);
  if (session?.userId !== caller.id || !isAlive(session, deps.now())) throw new SessionNotFound();
  await endSession(deps, session);
}

/** Ends a session: its refresh tokens at once, its access tokens as soon as every process has heard of it. */
export async function endSession(deps: SessionsDeps, session: { id: string; userId: string }): Promise<void> {
  await revoking(deps, session.userId, (transaction, revoke) =>
    end(deps, [session.id], { transaction, revoke }),
  );
}

/** Ends a person's sessions, except one, as part of a change. */
export async function endOtherSessions(
  deps: SessionsDeps,
  caller: Caller,
  part: { transaction: Transaction; revoke: Revoke },
): Promise<void> {
  const open = await store.listOpenSessionIds(part.transaction, caller.id);
  await end(
    deps,
    open.filter((id) => id !== caller.sessionId),
    part,
  );
}

async function end(
  deps: SessionsDeps,
  ids: readonly string[],
  { transaction, revoke }: { transaction: Transaction; revoke: Revoke },
): Promise<void> {
  await store.endSessions(transaction, ids, new Date(deps.now()));
  for (const subject of ids) revoke({ kind: 'session', subject });
}
