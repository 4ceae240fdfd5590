import { findAuthorizations } from '../credentials/authorizations';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { hashOf } from '../secrets';
import { isActive } from '../sessions/rules';
import { endSession } from '../sessions/service';
import type { SessionRow } from '../sessions/store';
import { signAccessToken, signAppToken } from './access-tokens';
import { withRevocations } from './revocations';
import * as store from './store';

/** Of the JWTs that opaque tokens are exchanged for: what they say about a person is at most this old. */
const EXCHANGED_MS = 5 * 60_000;
/** The use of an app is recorded this often. */
const RECORDED_EVERY_MS = 60 * 60_000;

/**
 * Exchanges an opaque access token of an app for a JWT of a few minutes, for the person who has allowed the app or for the
 * app itself.
 *
 * @returns undefined for a token that is unknown, has expired, or whose session, app or account is no more
 */
export async function exchangeAppToken(deps: AuthDeps, token: string): Promise<string | undefined> {
  const found = await findActive(deps, token);
  if (found === undefined) return undefined;
  const { appToken, session } = found;
  const issued = { tokenId: appToken.id, lifetimeMs: lifetimeOf(deps, appToken) };
  if (session === null) return signAppToken(deps, appToken, issued);
  const authorizations = await findAuthorizations(deps, session.userId);
  const stored = await findByUserId(deps.database, session.userId);
  if (!authorizations.active || stored?.username == null) return undefined;
  await recordUse(deps, session);
  const user = { userId: session.userId, username: stored.username };
  return signAccessToken(deps, { ...user, ...authorizations, session }, issued);
}

/**
 * Ends an opaque access token, with the session that it belongs to: its JWTs as soon as every process has the revocation.
 * An unknown token is not an error.
 */
export async function revokeAppToken(deps: AuthDeps, token: string): Promise<void> {
  const hash = hashOf(token);
  const found = await store.findAppToken(deps.database, hash);
  if (found === undefined) return;
  const { appToken, session } = found;
  if (session !== null) return endSession(deps, session);
  await withRevocations(deps, appToken.appId, async (transaction, revoke) => {
    await store.deleteAppToken(transaction, hash);
    revoke({ kind: 'token', subject: appToken.id });
  });
}

/** @returns undefined for a token that is unknown or has expired, or whose session is no more */
export async function findActive(
  deps: Pick<AuthDeps, 'database' | 'now'>,
  token: string,
): Promise<{ appToken: store.AppTokenRow; session: SessionRow | null } | undefined> {
  const found = await store.findAppToken(deps.database, hashOf(token));
  if (found === undefined) return undefined;
  const { appToken, session } = found;
  const now = deps.now();
  if (appToken.expiresAt !== null && appToken.expiresAt.getTime() <= now) return undefined;
  // Of a person, and their session is deleted.
  if (appToken.sessionId !== null && session === null) return undefined;
  return session !== null && !isActive(session, now) ? undefined : found;
}

const lifetimeOf = (deps: AuthDeps, { expiresAt }: store.AppTokenRow): number =>
  Math.min(
    EXCHANGED_MS,
    // A revocation is remembered for as long.
    deps.tokenLifetimeMs,
    (expiresAt?.getTime() ?? Infinity) - deps.now(),
  );

/** People see when an app was last used. */
async function recordUse(deps: AuthDeps, { id, lastUsedAt }: SessionRow): Promise<void> {
  const now = deps.now();
  if (now - lastUsedAt.getTime() >= RECORDED_EVERY_MS)
    await store.recordUse(deps.database, id, new Date(now));
}
