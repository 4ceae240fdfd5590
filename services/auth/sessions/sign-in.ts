import type { Caller } from '#kit/auth/caller';
import { ValidationFailed } from '#kit/errors/problem';
import type { Client } from '#kit/http/client-address';
import { emailKey } from '#kit/text/email';
import { usernameKey } from '#kit/text/identity';
import { findAuthorizations } from '../credentials/authorizations';
import { applyRegistration } from '../credentials/replication';
import * as credentials from '../credentials/store';
import type { AuthDeps } from '../deps';
import { tryVerifyToken } from '../tokens/service';
import {
  AccountDeactivated,
  InvalidCredentials,
  type Me,
  type Registration,
  type SignedIn,
  type SignIn,
} from './model';
import { endSession, findSessionOf, openSession, type SessionUser } from './service';

/** Password hashing, a transaction, and the users service's call back with the credentials. */
const REGISTER_DEADLINE_MS = 5_000;

/** Registers a user at the users service and signs them in. */
export async function register(deps: AuthDeps, input: Registration, client: Client): Promise<SignedIn> {
  const { user: created } = await deps.users.createUser(input, { deadlineMs: REGISTER_DEADLINE_MS });
  if (created === undefined) throw new Error('users returned a successful registration without a user');
  const user = { userId: created.id, username: created.username };
  await applyRegistration(deps, user);
  return startSession(deps, user, { client, verifiedHash: null });
}

/**
 * Signs a user in by username or email address.
 *
 * @throws InvalidCredentials for an unknown name and for a wrong password alike, after the same time
 * @throws AccountDeactivated
 * @throws TooManyAttempts
 */
export async function signIn(deps: AuthDeps, input: SignIn, client: Client): Promise<SignedIn> {
  const name = nameOf(input);
  const stored = await credentials.findByName(deps.database, name);
  const attempt = { account: stored?.userId ?? `${name.kind} ${name.key}`, address: client.address };
  await deps.throttle.admit(attempt);
  const hash = stored?.passwordHash ?? null;
  const { matches, isOutdated } = await deps.passwords.verify(input.password, hash);
  if (!matches || stored?.username == null || hash === null) {
    await deps.throttle.failed(attempt);
    throw new InvalidCredentials();
  }
  await deps.throttle.succeeded(attempt);
  const user = { userId: stored.userId, username: stored.username };
  const verifiedHash = isOutdated
    ? await upgradeHash(deps, user.userId, { from: hash, password: input.password })
    : hash;
  return startSession(deps, user, { client, verifiedHash });
}

/** Replaces an outdated hash. @returns the current hash */
async function upgradeHash(
  deps: AuthDeps,
  userId: string,
  { from, password }: { from: string; password: string },
): Promise<string> {
  const to = await deps.passwords.hash(password);
  return (await credentials.replaceHash(deps.database, userId, { from, to })) ? to : from;
}

function nameOf({ username, email }: SignIn): credentials.Name {
  if (username !== undefined && email === undefined) return { kind: 'username', key: usernameKey(username) };
  if (email !== undefined && username === undefined) return { kind: 'email', key: emailKey(email) };
  throw new ValidationFailed({
    errors: [{ field: 'username', message: 'Exactly one of username and email' }],
  });
}

async function startSession(
  deps: AuthDeps,
  user: SessionUser,
  from: { client: Client; verifiedHash: string | null },
): Promise<SignedIn> {
  const authorizations = await findAuthorizations(deps, user.userId);
  if (!authorizations.active) throw new AccountDeactivated();
  const tokens = await openSession(deps, user, authorizations, from);
  return { ...tokens, user: { id: user.userId, username: user.username } };
}

/** Ends the sessions of the given tokens. Always succeeds: an invalid token has no session. */
export async function signOut(
  deps: AuthDeps,
  tokens: { refreshToken: string | undefined; accessToken: string | undefined },
): Promise<void> {
  const { refreshToken, accessToken } = tokens;
  const caller = accessToken === undefined ? undefined : await tryVerifyToken(deps, accessToken);
  const session = refreshToken === undefined ? undefined : await findSessionOf(deps, refreshToken);
  if (caller !== undefined) await endSession(deps, { id: caller.sessionId, userId: caller.id });
  if (session !== undefined && session.id !== caller?.sessionId) await endSession(deps, session);
}

/** The caller, with the stored username and email address. */
export async function readMe(deps: AuthDeps, caller: Caller): Promise<Me> {
  const stored = await credentials.findByUserId(deps.database, caller.id);
  return {
    id: caller.id,
    username: stored?.username ?? caller.username,
    email: stored?.email ?? null,
    roles: [...caller.roles],
    permissions: [...caller.permissions],
    session_id: caller.sessionId,
  };
}
