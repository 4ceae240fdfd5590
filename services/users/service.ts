import { AuthCredentialsSet } from '#contracts/events/auth';
import { UserCreated, UserDeleted, UserUpdated } from '#contracts/events/users';
import type { AuthServiceDefinition, TokenPair } from '#contracts/gen/auth/v1/auth';
import type { Client } from '#kit/client';
import type { GrpcClient } from '#kit/grpc-client';
import { uuidv7 } from '#kit/ids';
import { type Database, inTransaction, isDuplicate, type Transaction } from '#kit/mysql';
import { outboxEntry, writeOutbox } from '#kit/outbox';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/pages';
import type { Passwords } from '#kit/passwords';
import { ValidationFailed } from '#kit/problem';
import type { Runtime } from '#kit/runtime';
import type { Sealer } from '#kit/sealing';
import type { Caller } from '#kit/tokens';
import {
  EmailTaken,
  type NewUser,
  type OperatorChange,
  type OwnProfile,
  type Profile,
  type ProfileChange,
  type SignIn,
  UserNotFound,
  UsernameReserved,
  UsernameTaken,
} from './model';
import { deleteRelationships, exportRelationships } from './relationships-store';
import { isReservedUsername, normalizeEmail, normalizeUsername } from './rules';
import * as store from './store';

/** What this service asks auth. */
export type AuthClient = Pick<GrpcClient<AuthServiceDefinition>, 'setCredentials' | 'login'>;

export interface UsersDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly auth: AuthClient;
  readonly passwords: Passwords;
  readonly sealer: Sealer;
  readonly nextId: () => string;
}

/** Registers a person: the row, the fact and the credentials for auth in one transaction. */
export async function register(deps: UsersDeps, input: NewUser, roles = ['user']): Promise<OwnProfile> {
  const username = normalizeUsername(input.username);
  if (isReservedUsername(username)) throw new UsernameReserved();
  const id = uuidv7();
  const email = normalizeEmail(input.email);
  const passwordHash = await deps.passwords.hash(input.password);
  const sealed = await deps.sealer.seal(passwordHash);
  const user = await inTransaction(deps.database, async (transaction) => {
    await insertUnlessTaken(transaction, {
      id,
      username,
      email,
      displayName: input.display_name ?? input.username,
      ...rowOfProfile(input),
    });
    for (const role of roles) await store.assignRole(transaction, id, role);
    const created = await mustExist(store.lockUsers(transaction, [id]), id);
    const options = { aggregate: aggregateOf(created), actor: id };
    await writeOutbox(transaction, [
      outboxEntry(UserCreated, replicaOf(created), options),
      outboxEntry(
        AuthCredentialsSet,
        { user_id: id, username, email, version: created.version, sealed },
        { ...options, erasePayload: true },
      ),
    ]);
    return created;
  });
  deps.outbox.wake();
  await offerCredentials(deps, {
    user_id: id,
    username,
    email,
    password_hash: passwordHash,
    version: user.version,
  });
  return ownProfile(user);
}

async function insertUnlessTaken(transaction: Transaction, user: Parameters<typeof store.insertUser>[1]) {
  try {
    await store.insertUser(transaction, user);
  } catch (failure) {
    if (isDuplicate(failure, 'users_username')) throw new UsernameTaken({ cause: failure });
    if (isDuplicate(failure, 'users_email')) throw new EmailTaken({ cause: failure });
    throw failure;
  }
}

/** Lets signing in work the moment the answer arrives. Only a short cut: the outbox brings the same to auth later. */
async function offerCredentials(deps: UsersDeps, credentials: Parameters<AuthClient['setCredentials']>[0]) {
  try {
    await deps.auth.setCredentials(credentials);
  } catch (failure) {
    deps.runtime.log.warn(
      { err: String(failure) },
      'auth did not take new credentials at once; the outbox will bring them',
    );
  }
}

export async function signIn(deps: UsersDeps, input: SignIn, client: Client): Promise<TokenPair> {
  const { username, email, password } = input;
  if ((username === undefined) === (email === undefined))
    throw new ValidationFailed({ errors: [{ field: 'username', message: 'Either username or email' }] });
  const { tokens } = await deps.auth.login({
    name:
      username !== undefined
        ? { $case: 'username', value: normalizeUsername(username) }
        : { $case: 'email', value: normalizeEmail(email ?? '') },
    password,
    client,
  });
  if (tokens === undefined) throw new Error('auth answered a sign-in without tokens');
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

export async function updateProfile(
  deps: UsersDeps,
  id: string,
  change: OperatorChange,
  actor: string,
): Promise<OwnProfile> {
  const updated = await inTransaction(deps.database, async (transaction) => {
    await mustExist(store.lockUsers(transaction, [id]), id);
    await store.updateUser(transaction, id, {
      ...rowOfProfile(change),
      ...(change.display_name !== undefined && { displayName: change.display_name }),
      ...(change.active !== undefined && { active: change.active }),
    });
    const user = await mustExist(store.lockUsers(transaction, [id]), id);
    await writeOutbox(transaction, [
      outboxEntry(UserUpdated, replicaOf(user), { aggregate: aggregateOf(user), actor }),
    ]);
    return user;
  });
  deps.outbox.wake();
  return ownProfile(updated);
}

/** Erases a person here, and tells every service to do the same with its part. */
export async function deleteAccount(deps: UsersDeps, id: string, actor: string): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const user = await mustExist(store.lockUsers(transaction, [id]), id);
    await deleteRelationships(transaction, id);
    await store.deleteUser(transaction, id);
    const version = user.version + 1;
    await writeOutbox(transaction, [
      outboxEntry(UserDeleted, { id, version }, { aggregate: { type: 'user', id, version }, actor }),
    ]);
  });
  deps.outbox.wake();
}

/** Everything this service holds about a person. */
export async function exportAccount(deps: UsersDeps, caller: Caller) {
  const user = await mustFind(deps, caller.id);
  const { roles } = await store.findAuthorizations(deps.database, caller.id);
  return { profile: ownProfile(user), roles, ...(await exportRelationships(deps.database, caller.id)) };
}

export async function listUsers(
  deps: UsersDeps,
  query: PageQuery & { query?: string },
): Promise<Page<OwnProfile>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listUsers(deps.database, {
    query: query.query,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (user) => [user.id], ownProfile);
}

async function mustExist(rows: Promise<Map<string, store.UserRow>>, id: string): Promise<store.UserRow> {
  const user = (await rows).get(id);
  if (user === undefined) throw new UserNotFound();
  return user;
}

const rowOfProfile = (input: ProfileChange) => ({
  ...(input.first_name !== undefined && { firstName: input.first_name }),
  ...(input.last_name !== undefined && { lastName: input.last_name }),
  ...(input.phone_number !== undefined && { phoneNumber: input.phone_number }),
  ...(input.date_of_birth !== undefined && { dateOfBirth: input.date_of_birth }),
  ...(input.bio !== undefined && { bio: input.bio }),
  ...(input.locale !== undefined && { locale: input.locale }),
  ...(input.avatar_url !== undefined && { avatarUrl: input.avatar_url }),
});

const aggregateOf = ({ id, version }: store.UserRow) => ({ type: 'user', id, version });

/** What other services keep a copy of. */
const replicaOf = (user: store.UserRow) => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  avatar_url: user.avatarUrl,
  active: user.active,
  version: user.version,
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

const ownProfile = (user: store.UserRow): OwnProfile => ({
  ...profile(user),
  email: user.email,
  first_name: user.firstName,
  last_name: user.lastName,
  phone_number: user.phoneNumber,
  date_of_birth: user.dateOfBirth,
  locale: user.locale,
  active: user.active,
});
