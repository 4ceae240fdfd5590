import type { TokenPair } from '#contracts/gen/auth/v1/auth';
import type { Caller } from '#kit/auth/caller';
import { ValidationFailed } from '#kit/errors/problem';
import type { FlagSubject } from '#kit/flags/flags';
import type { Client } from '#kit/http/client-address';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { exportRelationships } from '../relationships/store';
import { administratorGuard } from '../roles/administrator-guard';
import { normalizeEmail, normalizeUsername } from '../roles/rules';
import {
  changeAccount,
  eraseAccount,
  lockPerson,
  openAccount,
  rowOfProfile,
  type UsersDeps,
} from './lifecycle';
import {
  type Export,
  type NewUser,
  type OwnProfile,
  type Profile,
  type ProfileChange,
  RegistrationClosed,
  type SignIn,
  UserNotFound,
} from './model';
import * as store from './store';

/** Registers whoever comes, unless the flag `registration-open` says that nobody may come now. */
export async function register(deps: UsersDeps, input: NewUser): Promise<OwnProfile> {
  if (!deps.flags.value('registration-open', true, null)) throw new RegistrationClosed();
  return ownProfile(await openAccount(deps, input, { roles: ['user'] }));
}

export async function signIn(deps: UsersDeps, input: SignIn, client: Client): Promise<TokenPair> {
  const { username, email, password } = input;
  if ((username === undefined) === (email === undefined))
    throw new ValidationFailed({ errors: [{ field: 'username', message: 'Either username or email' }] });
  const name =
    username !== undefined
      ? { username: normalizeUsername(username) }
      : { email: normalizeEmail(email ?? '') };
  const { signed_in } = await deps.auth.login({ ...name, password }, { onBehalfOf: { origin: client } });
  if (signed_in === undefined) throw new Error('auth answered a sign-in without tokens');
  const { user: _, ...tokens } = signed_in;
  return tokens;
}

export async function readProfile(deps: UsersDeps, username: string): Promise<Profile> {
  return profile(await findActive(deps, username));
}

export async function readOwnProfile(deps: UsersDeps, caller: Caller): Promise<OwnProfile> {
  return ownProfile(await mustFind(deps, caller.id));
}

/** The person behind a username. @throws UserNotFound, also for one who has been deactivated */
export async function findActive(deps: UsersDeps, username: string): Promise<store.UserRow> {
  const user = await store.findByUsername(deps.database, normalizeUsername(username));
  if (!user?.active) throw new UserNotFound();
  return user;
}

async function mustFind(deps: UsersDeps, id: string): Promise<store.UserRow> {
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
    await lockPerson(transaction, caller.id);
    return changeAccount(transaction, caller.id, rowOfProfile(change), caller.id);
  });
  deps.outbox.wake();
  return ownProfile(user);
}

/** Shows the avatar that a person has uploaded, wherever they are shown. Somebody erased since has none. */
export async function takeOverAvatar(
  transaction: Transaction,
  id: string,
  avatarUrl: string | null,
): Promise<void> {
  if (!(await store.lockUsers(transaction, [id])).has(id)) return;
  await changeAccount(transaction, id, { avatarUrl }, id);
}

/** Erases the caller, everywhere. @throws LastAdministrator */
export async function deleteOwnAccount(deps: UsersDeps, caller: Caller): Promise<void> {
  const guard = await administratorGuard(deps.database);
  await inTransaction(deps.database, async (transaction) => {
    const user = await lockPerson(transaction, caller.id);
    await guard(transaction, caller.id);
    await eraseAccount(transaction, user, caller.id);
  });
  deps.outbox.wake();
}

/**
 * Everything this service holds about a person, and what notifications has told them.
 *
 * @throws DependencyUnavailable while notifications is away: a copy that lacks a part would not say so
 */
export async function exportAccount(deps: UsersDeps, caller: Caller): Promise<Export> {
  const user = await mustFind(deps, caller.id);
  const { roles } = await store.findAuthorizations(deps.database, caller.id);
  const relationships = await exportRelationships(deps.database, caller.id);
  return { profile: ownProfile(user), roles, ...relationships, ...(await exportNotifications(deps, caller)) };
}

async function exportNotifications({ notifications }: UsersDeps, { id }: Caller) {
  const told: Export['notifications'] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await notifications.listNotifications({ user_id: id, cursor });
    told.push(...page.notifications);
    cursor = page.next_cursor;
    if (cursor === undefined) return { notifications: told, notification_settings: page.settings };
  }
}

/** Every feature flag, as it is for whoever asks. */
export const readFeatures = (deps: UsersDeps, subject: FlagSubject) => ({
  features: deps.flags.evaluate(subject),
});

export const profile = (user: store.UserRow): Profile => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  bio: user.bio,
  avatar_url: user.avatarUrl,
  followers_count: user.followersCount,
  followees_count: user.followeesCount,
  posts_count: user.postsCount,
  created_at: user.createdAt.toISOString(),
});

export const ownProfile = (user: store.UserRow): OwnProfile => ({
  ...profile(user),
  email: user.email,
  first_name: user.firstName,
  last_name: user.lastName,
  phone_number: user.phoneNumber,
  date_of_birth: user.dateOfBirth,
  locale: user.locale,
  active: user.active,
});
