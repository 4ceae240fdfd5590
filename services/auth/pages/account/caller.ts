import type { Caller } from '#kit/auth/caller';
import { findAuthorizations } from '../../credentials/authorizations';
import type { AuthDeps } from '../../deps';
import { AccountDeactivated } from '../../sessions/model';
import { signAccessToken } from '../../tokens/access-tokens';
import type { BrowserSession } from '../browser-sessions';

/** Who is signed in on a browser, as the use cases of this service know callers. Without roles: no page is of operators. */
export const callerOf = (
  deps: Pick<AuthDeps, 'now' | 'tokenLifetimeMs'>,
  { session, userId, username }: BrowserSession,
): Caller => {
  const now = Math.floor(deps.now() / 1000);
  return {
    id: userId,
    username,
    roles: [],
    permissions: [],
    sessionId: session.id,
    tokenId: session.id,
    signedInAt: Math.floor(session.createdAt.getTime() / 1000),
    ...(session.methods !== null && { methods: session.methods }),
    issuedAt: now,
    expiresAt: now + Math.floor(deps.tokenLifetimeMs / 1000),
  };
};

/** An `Authorization` field to call another service with on behalf of who is signed in. @throws AccountDeactivated */
export async function authorizationOf(
  deps: AuthDeps,
  { session, userId, username }: BrowserSession,
): Promise<string> {
  const authorizations = await findAuthorizations(deps, userId);
  if (!authorizations.active) throw new AccountDeactivated();
  return `Bearer ${await signAccessToken(deps, { userId, username, session, ...authorizations })}`;
}
