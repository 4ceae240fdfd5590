import { Problem } from '#kit/errors/problem';
import type { AuthDeps, RevocationDeps } from '../deps';
import { withRevocations } from '../tokens/revocations';
import * as store from './store';

/** The roles and permissions in a user's tokens. */
export interface Authorizations {
  readonly roles: string[];
  readonly permissions: string[];
  readonly active: boolean;
}

/** Short: after it the stored authorizations are used, which are almost always current. */
const DEADLINE_MS = 1_000;
/** Of a user about whom the users service has not reported yet. */
const DEFAULT: Authorizations = { roles: ['user'], permissions: [], active: true };

/**
 * Stores a user's roles and permissions. If any was removed, older access tokens are rejected at once; sessions
 * continue, and their next refresh issues tokens with the remaining ones.
 */
export async function applyAuthorizations(
  deps: RevocationDeps,
  received: { userId: string; roles: string[]; permissions: string[]; reduced: boolean; version: number },
): Promise<void> {
  const { userId, roles, permissions, reduced, version } = received;
  await withRevocations(deps, userId, async (transaction, revoke) => {
    const stored = await store.lockOrCreate(transaction, userId);
    if (stored.erasedAt !== null) return;
    if (version > stored.authorizationsVersion)
      await store.update(transaction, userId, { roles, permissions, authorizationsVersion: version });
    // Also for a late event: newer authorizations may be stored, but tokens with the older ones may still be in use.
    if (reduced) revoke({ kind: 'user', subject: userId });
  });
}

/** A user's authorizations from the users service; the stored ones while it is unavailable. */
export async function findAuthorizations(deps: AuthDeps, userId: string): Promise<Authorizations> {
  const stored = await store.findByUserId(deps.database, userId);
  if (stored !== undefined && (stored.erasedAt !== null || !stored.active))
    return { ...DEFAULT, active: false };
  try {
    const { roles, permissions, active, version } = await deps.users.getAuthorizations(
      { user_id: userId },
      { deadlineMs: DEADLINE_MS },
    );
    if (!Bun.deepEquals([stored?.roles, stored?.permissions], [roles, permissions]))
      await applyAuthorizations(deps, { userId, roles, permissions, version, reduced: false });
    return { roles, permissions, active };
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return { ...DEFAULT, active: false };
    deps.runtime.log.warn(
      { err: String(failure) },
      'users is unavailable; issuing a token with the stored authorizations',
    );
    return {
      roles: stored?.roles ?? DEFAULT.roles,
      permissions: stored?.permissions ?? DEFAULT.permissions,
      active: true,
    };
  }
}
