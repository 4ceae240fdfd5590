import { uuidv7 } from '#kit/core/ids';
import type { Turn } from '#kit/core/queues/work-queue';
import { writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { emailKey, parseEmail } from '#kit/text/email';
import { normalizeText, usernameKey } from '#kit/text/identity';
import { parsePhoneNumber } from '#kit/text/phone';
import { isDeliverable, sendVerification } from '../addresses/mails';
import { deleteVerifications } from '../addresses/store';
import { deletePersonalValues } from '../audit/store';
import type { UsersDeps } from '../deps';
import { deleteRequests, dequeueUnlocked, enqueueUnlocked } from '../relationships/requests-store';
import { deleteRelationships } from '../relationships/store';
import { assignRole } from '../roles/assignments-store';
import { preparePassword, sendCredentials } from './credentials';
import { credentialsSet, emailSet, userCreated, userDeleted, userUpdated } from './events';
import {
  EmailTaken,
  type NewUser,
  type ProfileChange,
  UserNotFound,
  UsernameReserved,
  UsernameTaken,
} from './model';
import { isReservedUsername } from './rules';
import * as store from './store';

/**
 * Creates a user: the row, the event, the credentials for auth and the verification mail in one transaction. Without a password
 * auth gets the address alone.
 *
 * @param options.isVerified whether the address needs no verification
 * @param options.actor the id of the operator; by default the user registers themselves
 * @param options.isOfficial whether the account may speak for the operators: reserved names are theirs
 * @param options.record further writes of the same transaction
 * @param options.turn of hashing the password, for the request that creates the user; nothing is written once it is over
 * @throws UsernameReserved, UsernameTaken, EmailTaken
 * @throws ServiceOverloaded
 */
export async function createUser(
  deps: UsersDeps,
  input: Omit<NewUser, 'password'> & Partial<Pick<NewUser, 'password'>>,
  options: {
    roles: readonly string[];
    active?: boolean;
    isVerified?: boolean;
    actor?: string;
    isOfficial?: boolean;
    turn?: Turn;
    record?: (transaction: Transaction, user: store.UserRow) => Promise<void>;
  },
): Promise<store.UserRow> {
  const username = usernameKey(input.username);
  if (options.isOfficial !== true && isReservedUsername(username)) throw new UsernameReserved();
  const id = uuidv7();
  const actor = options.actor ?? id;
  const password =
    input.password === undefined
      ? null
      : await preparePassword(
          deps,
          { password: input.password, field: 'password', names: [input.username, input.email] },
          options.turn ?? {},
        );
  const user = await inTransaction(deps.database, async (transaction) => {
    await rejectDuplicates(
      store.insertUser(transaction, {
        id,
        username,
        ...emailColumns(input.email),
        displayName: input.display_name ?? input.username,
        emailVerifiedAt: options.isVerified ? new Date() : null,
        active: options.active ?? true,
        ...profileColumns(input),
      }),
    );
    for (const role of options.roles) await assignRole(transaction, id, role);
    const created = await lockUser(transaction, id);
    const forAuth = password === null ? emailSet(created, actor) : credentialsSet(created, password, actor);
    await writeOutbox(transaction, [userCreated(created, actor), forAuth]);
    if (!options.isVerified && isDeliverable(created.email))
      await sendVerification(transaction, deps, { userId: id, address: created.email });
    await options.record?.(transaction, created);
    return created;
  });
  deps.outbox.wake();
  if (password !== null) await sendCredentials(deps, user, password);
  return user;
}

/**
 * Changes a user and publishes the change. Unlocking queues the pending follow requests for `authorizePending`. The user's row must be locked.
 *
 * @throws UsernameTaken, EmailTaken
 */
export async function changeUser(
  transaction: Transaction,
  id: string,
  change: Parameters<typeof store.updateUser>[2],
  actor: string,
): Promise<store.UserRow> {
  await rejectDuplicates(store.updateUser(transaction, id, change));
  if (change.locked === false) await enqueueUnlocked(transaction, id);
  if (change.locked === true) await dequeueUnlocked(transaction, id);
  const user = await lockUser(transaction, id);
  await writeOutbox(transaction, [userUpdated(user, actor)]);
  return user;
}

/** Sets the avatar that media has processed. A user deleted in the meantime is ignored. */
export async function applyAvatar(
  transaction: Transaction,
  id: string,
  avatarUrl: string | null,
): Promise<void> {
  if (!(await store.lockUsers(transaction, [id])).has(id)) return;
  await changeUser(transaction, id, { avatarUrl }, id);
}

/** Deletes a user's data and publishes the deletion to every other service. The user's row must be locked. */
export async function eraseUser(transaction: Transaction, user: store.UserRow, actor: string): Promise<void> {
  await deleteRelationships(transaction, user.id);
  await deleteRequests(transaction, user.id);
  await deleteVerifications(transaction, user.id);
  await deletePersonalValues(transaction, user.id);
  await store.deleteUser(transaction, user.id);
  await writeOutbox(transaction, [userDeleted(user, actor)]);
}

/** Locks a user's row. @throws UserNotFound */
export async function lockUser(transaction: Transaction, id: string): Promise<store.UserRow> {
  const user = (await store.lockUsers(transaction, [id])).get(id);
  if (user === undefined) throw new UserNotFound();
  return user;
}

async function rejectDuplicates(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (failure) {
    if (isDuplicate(failure, 'users_username')) throw new UsernameTaken({ cause: failure });
    if (isDuplicate(failure, 'users_email_key')) throw new EmailTaken({ cause: failure });
    throw failure;
  }
}

/** The columns of an email address that the schema has checked. */
export const emailColumns = (typed: string) => ({
  email: parseEmail(typed)?.address ?? typed,
  emailKey: emailKey(typed),
});

/** The columns of the profile fields that are given; omitted fields keep their values. */
export const profileColumns = (input: ProfileChange) => ({
  ...(input.display_name !== undefined && { displayName: normalizeText(input.display_name) }),
  ...(input.first_name !== undefined && { firstName: normalizeText(input.first_name) }),
  ...(input.last_name !== undefined && { lastName: normalizeText(input.last_name) }),
  ...(input.phone_number !== undefined && { phoneNumber: parsePhoneNumber(input.phone_number) }),
  ...(input.date_of_birth !== undefined && { dateOfBirth: input.date_of_birth }),
  ...(input.bio !== undefined && { bio: normalizeText(input.bio) }),
  ...(input.locale !== undefined && { locale: input.locale }),
  ...(input.avatar_url !== undefined && { avatarUrl: input.avatar_url }),
  ...(input.locked !== undefined && { locked: input.locked }),
});
