import type { TokenPair } from '#contracts/gen/auth/v1/auth';
import type { Caller } from '#kit/auth/caller';
import type { RequestLifetime } from '#kit/core/queues/work-queue';
import { ValidationFailed } from '#kit/errors/problem';
import type { Client } from '#kit/http/client-address';
import { DEVICE_COOKIE } from '#kit/http/cookies/device';
import { networkOf } from '#kit/http/network';
import { inTransaction } from '#kit/mysql/database';
import { usernameKey } from '#kit/text/identity';
import type { UsersDeps } from '../deps';
import { exportRequests } from '../relationships/requests-store';
import { exportRelationships } from '../relationships/store';
import { authorizePending } from '../relationships/unlocking';
import { administratorGuard } from '../roles/administrator-guard';
import { findAuthorizations } from '../roles/assignments-store';
import { type Confirmation, confirmPassword, SIGN_IN_DEADLINE_MS } from './confirmation';
import { userUpdated } from './events';
import { changeUser, createUser, eraseUser, lockUser, profileColumns } from './lifecycle';
import {
  type Export,
  type NewUser,
  type NewUserWithoutPassword,
  type OwnProfile,
  type Profile,
  type ProfileChange,
  RegistrationClosed,
  type SignIn,
  UserNotFound,
} from './model';
import * as store from './store';
import { ownProfileFor, ownProfileView, profileView } from './views';

/**
 * Registers a user.
 *
 * @throws RegistrationClosed while the flag `registration-open` is off
 * @throws ServiceOverloaded
 */
export async function register(
  deps: UsersDeps,
  input: NewUser,
  from: { address: string; lifetime: RequestLifetime },
): Promise<OwnProfile> {
  requireOpenRegistration(deps);
  const { signal, deadline } = from.lifetime;
  const turn = { signal, deadline, key: networkOf(from.address) };
  return ownProfileView(await createUser(deps, input, { roles: ['user'], turn }));
}

/**
 * Registers a user who signs in with another provider.
 *
 * @throws RegistrationClosed while the flag `registration-open` is off
 */
export async function registerWithoutPassword(
  deps: UsersDeps,
  { email_verified, ...input }: NewUserWithoutPassword,
): Promise<store.UserRow> {
  requireOpenRegistration(deps);
  return createUser(deps, input, { roles: ['user'], isVerified: email_verified });
}

function requireOpenRegistration({ flags }: Pick<UsersDeps, 'flags'>): void {
  if (!flags.value('registration-open', true, null)) throw new RegistrationClosed();
}

/** @param from.device the value of the device cookie. @returns the tokens, and the new value of that cookie */
export async function signIn(
  deps: UsersDeps,
  input: SignIn,
  from: { client: Client; device: string | undefined; signal: AbortSignal },
): Promise<{ tokens: TokenPair; device: string }> {
  const { username, email, password } = input;
  if ((username === undefined) === (email === undefined))
    throw new ValidationFailed({
      errors: [{ field: 'username', message: 'Exactly one of username and email' }],
    });
  const signIn = { username, email, password };
  const { client, device: known, signal } = from;
  const origin = { ...client, ...(known !== undefined && { cookie: `${DEVICE_COOKIE}=${known}` }) };
  const { signed_in, device } = await deps.auth.login(signIn, {
    onBehalfOf: { origin },
    deadlineMs: SIGN_IN_DEADLINE_MS,
    signal,
  });
  if (signed_in === undefined) throw new Error('auth returned a successful login without tokens');
  const { user: _, ...tokens } = signed_in;
  return { tokens, device };
}

export async function readProfile(deps: UsersDeps, username: string): Promise<Profile> {
  return profileView(await requireActiveUser(deps, username));
}

export async function readOwnProfile(deps: UsersDeps, caller: Caller): Promise<OwnProfile> {
  return ownProfileFor(caller, await requireUser(deps, caller.id));
}

/** The user with a username. @throws UserNotFound, also for a deactivated one */
export async function requireActiveUser(
  deps: Pick<UsersDeps, 'database'>,
  username: string,
): Promise<store.UserRow> {
  const user = await store.findByUsername(deps.database, usernameKey(username));
  if (!user?.active) throw new UserNotFound();
  return user;
}

/** @throws UserNotFound */
export async function requireUser(deps: Pick<UsersDeps, 'database'>, id: string): Promise<store.UserRow> {
  const user = await store.findById(deps.database, id);
  if (user === undefined) throw new UserNotFound();
  return user;
}

export async function updateOwnProfile(
  deps: UsersDeps,
  caller: Caller,
  change: ProfileChange,
): Promise<OwnProfile> {
  const user = await inTransaction(deps.database, async (transaction) => {
    await lockUser(transaction, caller.id);
    return changeUser(transaction, caller.id, profileColumns(change), caller.id);
  });
  deps.outbox.wake();
  // The event in the outbox with another id: whoever applies it goes by the version.
  await deps.deliverDirectly([userUpdated(user, caller.id)]);
  if (change.locked !== false) return ownProfileFor(caller, user);
  await authorizePending(deps, caller.id);
  return readOwnProfile(deps, caller);
}

/**
 * Deletes the caller's account and its data in every service.
 *
 * @param confirmation the current password, where it is given instead of a recent sign-in, and the caller's authorization
 * @throws Problem `auth.wrong-password` of auth
 * @throws LastAdministrator
 */
export async function deleteOwnAccount(
  deps: UsersDeps,
  caller: Caller,
  confirmation: Confirmation,
): Promise<void> {
  await confirmPassword(deps, confirmation);
  const guard = await administratorGuard(deps.database);
  await inTransaction(deps.database, async (transaction) => {
    const user = await lockUser(transaction, caller.id);
    await guard(transaction, caller.id);
    await eraseUser(transaction, user, caller.id);
  });
  deps.outbox.wake();
}

/**
 * Everything this service stores about the caller, and the caller's notifications.
 *
 * @throws DependencyUnavailable while notifications is unavailable: a partial export would not be recognizable as such
 */
export async function exportAccount(
  deps: UsersDeps,
  caller: Caller,
  { signal }: RequestLifetime,
): Promise<Export> {
  const user = await requireUser(deps, caller.id);
  const { roles } = await findAuthorizations(deps.database, caller.id);
  const relationships = await exportRelationships(deps.database, caller.id);
  return {
    profile: ownProfileView(user),
    roles,
    ...relationships,
    ...(await exportRequests(deps.database, caller.id)),
    ...(await exportNotifications(deps, caller, { signal })),
  };
}

/** Page by page, for as long as somebody waits. */
async function exportNotifications({ notifications }: UsersDeps, { id }: Caller, lifetime: RequestLifetime) {
  const exported: Export['notifications'] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await notifications.listNotifications({ user_id: id, cursor }, lifetime);
    exported.push(...page.notifications);
    cursor = page.next_cursor;
    if (cursor === undefined) return { notifications: exported, notification_settings: page.settings };
  }
}
