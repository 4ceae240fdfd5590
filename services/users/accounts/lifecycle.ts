import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { UserCreated, UserDeleted, UserUpdated } from '#contracts/events/users';
import type { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import type { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { Passwords } from '#kit/auth/passwords';
import type { Sealer } from '#kit/auth/sealing';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import type { Flags } from '#kit/flags/flags';
import type { GrpcClient } from '#kit/grpc/client';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction, isDuplicate, type Transaction } from '#kit/mysql/database';
import { deletePersonalValues } from '../audit/store';
import { deleteRelationships } from '../relationships/store';
import { isReservedUsername, normalizeEmail, normalizeUsername } from '../roles/rules';
import { assignRole } from '../roles/store';
import {
  EmailTaken,
  type NewUser,
  type ProfileChange,
  UserNotFound,
  UsernameReserved,
  UsernameTaken,
} from './model';
import * as store from './store';

/** What this service asks auth. */
export type AuthClient = Pick<GrpcClient<AuthServiceDefinition>, 'setCredentials' | 'login'>;

export interface UsersDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly auth: AuthClient;
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'listNotifications'>;
  readonly passwords: Passwords;
  readonly sealer: Sealer;
  readonly flags: Flags;
  readonly nextId: () => string;
}

/** A password on its way to auth: for the outbox sealed, for the call at once as a hash. */
export interface PreparedPassword {
  readonly hash: string;
  readonly sealed: string;
}

export async function preparePassword(deps: UsersDeps, password: string): Promise<PreparedPassword> {
  const hash = await deps.passwords.hash(password);
  return { hash, sealed: await deps.sealer.seal(hash) };
}

/**
 * Opens an account: the row, the fact and the credentials for auth in one transaction.
 *
 * @param options.actor who opens it; without one the person does
 * @param options.record what else belongs into the transaction
 */
export async function openAccount(
  deps: UsersDeps,
  input: NewUser,
  options: {
    roles: readonly string[];
    active?: boolean;
    actor?: string;
    record?: (transaction: Transaction, user: store.UserRow) => Promise<void>;
  },
): Promise<store.UserRow> {
  const username = normalizeUsername(input.username);
  if (isReservedUsername(username)) throw new UsernameReserved();
  const id = uuidv7();
  const email = normalizeEmail(input.email);
  const password = await preparePassword(deps, input.password);
  const user = await inTransaction(deps.database, async (transaction) => {
    await unlessTaken(
      store.insertUser(transaction, {
        id,
        username,
        email,
        displayName: input.display_name ?? input.username,
        active: options.active ?? true,
        ...rowOfProfile(input),
      }),
    );
    for (const role of options.roles) await assignRole(transaction, id, role);
    const opened = await lockPerson(transaction, id);
    await writeOutbox(transaction, [
      outboxEntry(UserCreated, replicaOf(opened), {
        aggregate: aggregateOf(opened),
        actor: options.actor ?? id,
      }),
      credentialsOf(opened, password, options.actor ?? id),
    ]);
    await options.record?.(transaction, opened);
    return opened;
  });
  deps.outbox.wake();
  await offerCredentials(deps, user, password);
  return user;
}

/** Changes a person's row, which must be locked, and tells those who keep a copy. */
export async function changeAccount(
  transaction: Transaction,
  id: string,
  change: Parameters<typeof store.updateUser>[2],
  actor: string,
): Promise<store.UserRow> {
  await unlessTaken(store.updateUser(transaction, id, change));
  const user = await lockPerson(transaction, id);
  await writeOutbox(transaction, [
    outboxEntry(UserUpdated, replicaOf(user), { aggregate: aggregateOf(user), actor }),
  ]);
  return user;
}

/** Erases a person here, whose row must be locked, and tells every service to do the same with its part. */
export async function eraseAccount(
  transaction: Transaction,
  user: store.UserRow,
  actor: string,
): Promise<void> {
  const { id } = user;
  await deleteRelationships(transaction, id);
  await deletePersonalValues(transaction, id);
  await store.deleteUser(transaction, id);
  const version = user.version + 1;
  await writeOutbox(transaction, [
    outboxEntry(UserDeleted, { id, version }, { aggregate: { type: 'user', id, version }, actor }),
  ]);
}

export const credentialsOf = (user: store.UserRow, password: PreparedPassword, actor: string): OutboxEntry =>
  outboxEntry(
    AuthCredentialsSet,
    {
      user_id: user.id,
      username: user.username,
      email: user.email,
      version: user.version,
      sealed: password.sealed,
    },
    { aggregate: aggregateOf(user), actor, erasePayload: true },
  );

export const emailOf = (user: store.UserRow, actor: string): OutboxEntry =>
  outboxEntry(
    AuthEmailSet,
    { user_id: user.id, email: user.email, version: user.version },
    { aggregate: aggregateOf(user), actor, erasePayload: true },
  );

/** Lets signing in work the moment the answer arrives. Only a short cut: the outbox brings the same to auth later. */
export async function offerCredentials(
  deps: UsersDeps,
  user: store.UserRow,
  password: PreparedPassword,
): Promise<void> {
  try {
    await deps.auth.setCredentials({
      user_id: user.id,
      username: user.username,
      email: user.email,
      password_hash: password.hash,
      version: user.version,
    });
  } catch (failure) {
    deps.runtime.log.warn(
      { err: String(failure) },
      'auth did not take new credentials at once; the outbox will bring them',
    );
  }
}

/** A person's row, locked. @throws UserNotFound */
export async function lockPerson(transaction: Transaction, id: string): Promise<store.UserRow> {
  const user = (await store.lockUsers(transaction, [id])).get(id);
  if (user === undefined) throw new UserNotFound();
  return user;
}

async function unlessTaken(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (failure) {
    if (isDuplicate(failure, 'users_username')) throw new UsernameTaken({ cause: failure });
    if (isDuplicate(failure, 'users_email')) throw new EmailTaken({ cause: failure });
    throw failure;
  }
}

/** The columns that a profile's fields stand in; what is left out stays as it is. */
export const rowOfProfile = (input: ProfileChange) => ({
  ...(input.display_name !== undefined && { displayName: input.display_name }),
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
