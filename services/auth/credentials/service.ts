import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { inTransaction } from '#kit/mysql/database';
import { normalizeName } from '../keys/rules';
import { deleteResets } from '../password-resets/store';
import { endAllSessions, eraseSessions } from '../sessions/store';
import { type RevocationDeps, revoking } from '../tokens/revocations';
import * as store from './store';

/** What this service asks users. */
export type UsersClient = Pick<GrpcClient<UsersServiceDefinition>, 'createUser' | 'getAuthorizations'>;

export interface CredentialsDeps extends RevocationDeps {
  readonly users: UsersClient;
}

/** What a person may do, as tokens say it. */
export interface Authorizations {
  readonly roles: string[];
  readonly permissions: string[];
  readonly active: boolean;
}

/** Longer would keep a person who signs in waiting for what is known well enough. */
const AUTHORIZATIONS_DEADLINE_MS = 1_000;
/** Everybody's, until the users service has said otherwise. */
const PLAIN: Authorizations = { roles: ['user'], permissions: [], active: true };

/**
 * Takes a person's credentials. They come twice, in any order and at any time: asked for by the users service at
 * once, and as an event. Only a newer version than the one known changes anything. A password that somebody in charge
 * has replaced ends all sessions: whoever knew the old one is out. One that was set before its owner reset it is not
 * taken: of the two, the owner's is the later.
 *
 * @returns whether anything changed
 */
export function setCredentials(
  deps: CredentialsDeps,
  sent: {
    userId: string;
    username: string;
    email: string;
    passwordHash: string;
    version: number;
    setAt: Date;
  },
): Promise<boolean> {
  return revoking(deps, sent.userId, async (transaction, revoke) => {
    const known = await store.lockOrCreate(transaction, sent.userId);
    if (known.erasedAt !== null || sent.version <= known.credentialsVersion) return false;
    const resetSince = known.passwordResetAt !== null && sent.setAt <= known.passwordResetAt;
    await store.update(transaction, sent.userId, {
      credentialsVersion: sent.version,
      ...(!resetSince && { passwordHash: sent.passwordHash }),
      ...emailIn(sent, known),
      ...usernameIn(sent, known),
    });
    if (known.passwordHash === null || resetSince) return true;
    await deleteResets(transaction, sent.userId);
    await endAllSessions(transaction, sent.userId, new Date(deps.now()));
    revoke({ kind: 'user', subject: sent.userId });
    return true;
  });
}

const usernameIn = (sent: { username: string; version: number }, known: store.CredentialsRow) =>
  sent.version > known.usernameVersion && {
    username: normalizeName(sent.username),
    usernameVersion: sent.version,
  };

const emailIn = (sent: { email: string; version: number }, known: store.CredentialsRow) =>
  sent.version > known.emailVersion && { email: normalizeName(sent.email), emailVersion: sent.version };

/** Notes the name of a person who has just registered, for tokens that are refreshed before anything else is heard. */
export function expectPerson(
  deps: CredentialsDeps,
  { userId, username }: { userId: string; username: string },
): Promise<void> {
  return inTransaction(deps.database, async (transaction) => {
    const known = await store.lockOrCreate(transaction, userId);
    if (known.usernameVersion === 0 && known.erasedAt === null)
      await store.update(transaction, userId, { username: normalizeName(username) });
  });
}

/** Takes over a person's name and whether they may sign in; who may not is signed out everywhere. */
export async function updatePerson(
  deps: CredentialsDeps,
  sent: { id: string; username: string; active?: boolean; version: number },
): Promise<void> {
  await revoking(deps, sent.id, async (transaction, revoke) => {
    const known = await store.lockOrCreate(transaction, sent.id);
    if (known.erasedAt !== null || sent.version <= known.version) return;
    await store.update(transaction, sent.id, {
      version: sent.version,
      ...usernameIn(sent, known),
      ...(sent.active !== undefined && { active: sent.active }),
    });
    if (sent.active !== false) return;
    await endAllSessions(transaction, sent.id, new Date(deps.now()));
    revoke({ kind: 'user', subject: sent.id });
  });
}

/** Takes over the address a person signs in with. Links mailed to the one before are good for nothing. */
export function setEmail(
  deps: CredentialsDeps,
  sent: { userId: string; email: string; version: number },
): Promise<void> {
  return inTransaction(deps.database, async (transaction) => {
    const known = await store.lockOrCreate(transaction, sent.userId);
    if (known.erasedAt !== null || sent.version <= known.emailVersion) return;
    await store.update(transaction, sent.userId, { ...emailIn(sent, known) });
    await deleteResets(transaction, sent.userId);
  });
}

/**
 * Takes over what a person may do. Where something was taken away, access tokens from before are refused at once;
 * sessions go on, and their next refresh gives tokens that say what is left.
 */
export async function setAuthorizations(
  deps: CredentialsDeps,
  sent: { userId: string; roles: string[]; permissions: string[]; reduced: boolean; version: number },
): Promise<void> {
  const { userId, roles, permissions } = sent;
  await revoking(deps, userId, async (transaction, revoke) => {
    const known = await store.lockOrCreate(transaction, userId);
    if (known.erasedAt !== null) return;
    if (sent.version > known.authorizationsVersion)
      await store.update(transaction, userId, { roles, permissions, authorizationsVersion: sent.version });
    // Also when it comes late: newer rights may be known already, but tokens with the older ones may still be about.
    if (sent.reduced) revoke({ kind: 'user', subject: userId });
  });
}

/** Forgets a person. The row's id and version stay, so that nothing late brings them back. */
export async function erasePerson(
  deps: CredentialsDeps,
  sent: { id: string; version: number },
): Promise<void> {
  await revoking(deps, sent.id, async (transaction, revoke) => {
    const known = await store.lockOrCreate(transaction, sent.id);
    if (known.erasedAt !== null) return;
    await store.update(transaction, sent.id, {
      username: null,
      email: null,
      passwordHash: null,
      active: false,
      roles: null,
      permissions: null,
      version: sent.version,
      erasedAt: new Date(deps.now()),
    });
    await eraseSessions(transaction, sent.id);
    await deleteResets(transaction, sent.id);
    revoke({ kind: 'user', subject: sent.id });
  });
}

/** What a person may do, from the users service; while that is away, as it said last. */
export async function findAuthorizations(deps: CredentialsDeps, userId: string): Promise<Authorizations> {
  const known = await store.findByUserId(deps.database, userId);
  if (known !== undefined && (known.erasedAt !== null || !known.active)) return { ...PLAIN, active: false };
  try {
    const { roles, permissions, active, version } = await deps.users.getAuthorizations(
      { user_id: userId },
      { deadlineMs: AUTHORIZATIONS_DEADLINE_MS },
    );
    if (!Bun.deepEquals([known?.roles, known?.permissions], [roles, permissions]))
      await setAuthorizations(deps, { userId, roles, permissions, version, reduced: false });
    return { roles, permissions, active };
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 404) return { ...PLAIN, active: false };
    deps.runtime.log.warn({ err: String(failure) }, 'users did not answer; a token says what is known here');
    return {
      roles: known?.roles ?? PLAIN.roles,
      permissions: known?.permissions ?? PLAIN.permissions,
      active: true,
    };
  }
}
