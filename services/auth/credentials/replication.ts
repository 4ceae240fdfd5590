import { inTransaction } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import { usernameKey } from '#kit/text/identity';
import { deleteConsents } from '../apps/store';
import type { AuthDeps, RevocationDeps } from '../deps';
import { eraseIdentities } from '../identities/store';
import { deleteGrantsOf } from '../oauth/store';
import { deleteResets } from '../password-resets/store';
import { eraseFactors } from '../second-factors/service';
import { endAllSessions, eraseSessions } from '../sessions/store';
import { withRevocations } from '../tokens/revocations';
import * as store from './store';

/**
 * Stores a user's credentials. They arrive twice, in any order and at any time: in a direct call of the users service,
 * and as an event. Only a newer version than the stored one has an effect. A password that an operator has set ends all
 * sessions, so that anyone who knew the old one is signed out. A password that was set before its owner reset it is
 * ignored: the owner's is newer.
 *
 * @returns whether anything changed
 */
export function applyCredentials(
  deps: RevocationDeps,
  received: {
    userId: string;
    username: string;
    email: string;
    passwordHash: string;
    version: number;
    setAt: Date;
  },
): Promise<boolean> {
  return withRevocations(deps, received.userId, async (transaction, revoke) => {
    const stored = await store.lockOrCreate(transaction, received.userId);
    if (stored.erasedAt !== null || received.version <= stored.credentialsVersion) return false;
    const resetSince = stored.passwordResetAt !== null && received.setAt <= stored.passwordResetAt;
    await store.update(transaction, received.userId, {
      credentialsVersion: received.version,
      ...(!resetSince && { passwordHash: received.passwordHash }),
      ...newerEmail(received, stored),
      ...newerUsername(received, stored),
    });
    if (stored.passwordHash === null || resetSince) return true;
    await deleteResets(transaction, received.userId);
    await endAllSessions(transaction, received.userId, new Date(deps.now()));
    revoke({ kind: 'user', subject: received.userId });
    return true;
  });
}

const newerUsername = (received: { username: string; version: number }, stored: store.CredentialsRow) =>
  received.version > stored.usernameVersion && {
    username: usernameKey(received.username),
    usernameVersion: received.version,
  };

const newerEmail = (received: { email: string; version: number }, stored: store.CredentialsRow) =>
  received.version > stored.emailVersion && {
    email: received.email,
    emailKey: emailKey(received.email),
    emailVersion: received.version,
  };

/** Stores the username of a new user, for tokens that are refreshed before the first event arrives. */
export function applyRegistration(
  deps: Pick<AuthDeps, 'database'>,
  { userId, username }: { userId: string; username: string },
): Promise<void> {
  return inTransaction(deps.database, async (transaction) => {
    const stored = await store.lockOrCreate(transaction, userId);
    if (stored.usernameVersion === 0 && stored.erasedAt === null)
      await store.update(transaction, userId, { username: usernameKey(username) });
  });
}

/** Stores a user's username and whether the user is active. Deactivation ends all sessions. */
export async function applyUser(
  deps: RevocationDeps,
  received: { id: string; username: string; active?: boolean; version: number },
): Promise<void> {
  await withRevocations(deps, received.id, async (transaction, revoke) => {
    const stored = await store.lockOrCreate(transaction, received.id);
    if (stored.erasedAt !== null || received.version <= stored.version) return;
    await store.update(transaction, received.id, {
      version: received.version,
      ...newerUsername(received, stored),
      ...(received.active !== undefined && { active: received.active }),
    });
    if (received.active !== false) return;
    await endAllSessions(transaction, received.id, new Date(deps.now()));
    revoke({ kind: 'user', subject: received.id });
  });
}

/** Stores a user's email address. Password reset links that were mailed to the previous one become invalid. */
export function applyEmail(
  deps: Pick<AuthDeps, 'database'>,
  received: { userId: string; email: string; version: number },
): Promise<void> {
  return inTransaction(deps.database, async (transaction) => {
    const stored = await store.lockOrCreate(transaction, received.userId);
    if (stored.erasedAt !== null || received.version <= stored.emailVersion) return;
    await store.update(transaction, received.userId, { ...newerEmail(received, stored) });
    await deleteResets(transaction, received.userId);
  });
}

/** Erases a user's data. A tombstone with the id and version remains, so that late events do not restore the user. */
export async function eraseUser(
  deps: RevocationDeps,
  received: { id: string; version: number },
): Promise<void> {
  await withRevocations(deps, received.id, async (transaction, revoke) => {
    const stored = await store.lockOrCreate(transaction, received.id);
    if (stored.erasedAt !== null) return;
    await store.update(transaction, received.id, {
      username: null,
      email: null,
      emailKey: null,
      passwordHash: null,
      active: false,
      roles: null,
      permissions: null,
      version: received.version,
      erasedAt: new Date(deps.now()),
    });
    await deleteGrantsOf(transaction, received.id);
    await eraseSessions(transaction, received.id);
    await deleteConsents(transaction, received.id);
    await deleteResets(transaction, received.id);
    await eraseFactors(transaction, received.id);
    await eraseIdentities(transaction, received.id);
    revoke({ kind: 'user', subject: received.id });
  });
}
