import { requiredPerson } from '#kit/auth/app-access';
import type { Caller } from '#kit/auth/caller';
import { requireWaiting, type Turn } from '#kit/core/queues/work-queue';
import { ValidationFailed } from '#kit/errors/problem';
import { networkOf } from '#kit/http/network';
import { emailKey } from '#kit/text/email';
import { usernameKey } from '#kit/text/identity';
import { findAuthorizations } from '../credentials/authorizations';
import { applyRegistration } from '../credentials/replication';
import * as credentials from '../credentials/store';
import type { Attempt, AuthDeps } from '../deps';
import { SecondFactorRequired } from '../second-factors/model';
import { findFactors, hasFactor } from '../second-factors/store';
import { checkPassword } from '../throttle/password-check';
import { tryIdentify } from '../tokens/service';
import type { Requester } from './cookies';
import {
  AccountDeactivated,
  InvalidCredentials,
  type Me,
  type Registration,
  type SignedIn,
  type SignIn,
} from './model';
import { endSession, findSessionOf, openSession, type SessionUser, type SignInResult } from './service';
import { listAddresses } from './store';

/** Password hashing, a transaction, and the users service's call back with the credentials. */
const REGISTER_DEADLINE_MS = 5_000;
const NOBODY = '00000000-0000-7000-8000-000000000000';

/** A new session, and the value of the device cookie. */
export interface Entered {
  readonly signedIn: SignedIn;
  readonly device: string;
}

/** Registers a user at the users service and signs them in. @throws ServiceOverloaded */
export async function register(deps: AuthDeps, input: Registration, from: Requester): Promise<Entered> {
  const { user: created } = await deps.users.createUser(input, {
    ...from.lifetime,
    deadlineMs: REGISTER_DEADLINE_MS,
    onBehalfOf: { origin: from.client },
  });
  if (created === undefined) throw new Error('users returned a successful registration without a user');
  const user = { userId: created.id, username: created.username };
  await applyRegistration(deps, user);
  return startSession(deps, user, { from, verifiedHash: null, methods: ['pwd'] });
}

/**
 * Signs a user in by username or email address.
 *
 * @throws InvalidCredentials for an unknown name and for a wrong password alike, after the same time
 * @throws SecondFactorRequired
 * @throws AccountDeactivated
 * @throws TooManyAttempts
 * @throws ServiceOverloaded
 */
export async function signIn(deps: AuthDeps, input: SignIn, from: Requester): Promise<Entered> {
  const { user, verifiedHash } = await verifyCredentials(deps, input, from);
  return startSession(deps, user, { from, verifiedHash, methods: ['pwd'] });
}

/** Somebody whose password was right, and the hash that it was verified against. */
export interface Verified {
  readonly user: SessionUser;
  readonly verifiedHash: string;
}

/**
 * Checks a password where nothing but it can be shown. Whoever has second factors is refused.
 *
 * @throws SecondFactorRequired, and what `signIn` throws
 */
export async function verifyPasswordAlone(deps: AuthDeps, input: SignIn, from: Requester): Promise<Verified> {
  const verified = await verifyCredentials(deps, input, from);
  if (hasFactor(await findFactors(deps.database, verified.user.userId))) throw new SecondFactorRequired();
  return verified;
}

/**
 * Checks a username or email address and a password, within the limits of wrong ones.
 *
 * @throws InvalidCredentials for an unknown name and for a wrong password alike, after the same time
 * @throws TooManyAttempts
 * @throws ServiceOverloaded
 */
async function verifyCredentials(deps: AuthDeps, input: SignIn, from: Requester): Promise<Verified> {
  const name = nameOf(input);
  const turn = { ...from.lifetime, key: networkOf(from.client.address) };
  // Whoever shows a device may be preferred, which takes the account to tell.
  const release = from.device === undefined ? deps.passwordTurns.reserve(turn) : () => undefined;
  try {
    return await verifyByName(deps, name, { password: input.password, from, turn, release });
  } finally {
    release();
  }
}

async function verifyByName(
  deps: AuthDeps,
  { kind, key }: credentials.Name,
  options: { password: string; from: Requester; turn: Turn; release: () => void },
): Promise<Verified> {
  const { password, from, turn, release } = options;
  const stored = await credentials.findByName(deps.database, { kind, key });
  const userId = stored?.userId ?? null;
  const hash = stored?.passwordHash ?? null;
  const attempt: Attempt = {
    name: [kind, key],
    userId,
    address: from.client.address,
    device: from.device,
    // Asked for nobody as well, so that the time taken does not tell whether there is an account.
    isKnownNetwork: async (one) =>
      (await listAddresses(deps.database, userId ?? NOBODY)).some((address) => networkOf(address) === one),
  };
  const { matches, isOutdated } = await checkPassword(deps, () => deps.throttle.admit(attempt), {
    password,
    hash,
    lifetime: from.lifetime,
    release,
  });
  if (!matches || stored?.username == null || hash === null) throw new InvalidCredentials();
  const user = { userId: stored.userId, username: stored.username };
  const verifiedHash = isOutdated
    ? await upgradeHash(deps, user.userId, { from: hash, password, turn })
    : hash;
  return { user, verifiedHash };
}

/**
 * Replaces an outdated hash.
 *
 * @returns the current hash; another sign-in may have replaced it at the same time
 * @throws InvalidCredentials if the password was changed in the meantime
 */
async function upgradeHash(
  deps: AuthDeps,
  userId: string,
  { from, password, turn }: { from: string; password: string; turn: Turn },
): Promise<string> {
  const to = await deps.passwords.rehash(password, turn);
  if (await credentials.replaceHash(deps.database, userId, { from, to })) return to;
  const current = (await credentials.findByUserId(deps.database, userId))?.passwordHash ?? null;
  const { matches } = await deps.passwords.verify(password, current, turn);
  if (!matches || current === null) throw new InvalidCredentials();
  return current;
}

function nameOf({ username, email }: SignIn): credentials.Name {
  if (username !== undefined && email === undefined) return { kind: 'username', key: usernameKey(username) };
  if (email !== undefined && username === undefined) return { kind: 'email', key: emailKey(email) };
  throw new ValidationFailed({
    errors: [{ field: 'username', message: 'Exactly one of username and email' }],
  });
}

/**
 * Signs in whoever has shown who they are, by whatever way.
 *
 * @throws SecondFactorRequired, where a second factor was set up and not shown
 * @throws AccountDeactivated
 * @throws ServiceOverloaded when nobody waits for it any more
 */
export async function startSession(
  deps: AuthDeps,
  user: SessionUser,
  { from, ...shown }: { from: Requester } & Omit<SignInResult, 'client'>,
): Promise<Entered> {
  requireWaiting(from.lifetime);
  const authorizations = await findAuthorizations(deps, user.userId);
  if (!authorizations.active) throw new AccountDeactivated();
  const tokens = await openSession(deps, user, authorizations, { client: from.client, ...shown });
  return {
    signedIn: { ...tokens, user: { id: user.userId, username: user.username } },
    device: deps.devices.remember(from.device, user.userId),
  };
}

/** Ends the sessions of the given tokens. An invalid token has no session. @throws InsufficientScope for a token of an app */
export async function signOut(
  deps: AuthDeps,
  tokens: { refreshToken: string | undefined; accessToken: string | undefined },
): Promise<void> {
  const { refreshToken, accessToken } = tokens;
  const caller = accessToken === undefined ? undefined : await tryIdentify(deps, accessToken);
  // An app cannot sign anybody out.
  if (caller !== undefined) requiredPerson(caller, undefined);
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
