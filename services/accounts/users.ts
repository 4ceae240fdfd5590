import { createHmac } from 'node:crypto';
import type { UserProfile } from '#contracts/gen/users/v1/users';
import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { Problem, ValidationFailed } from '#kit/errors/problem';
import { parsePhoneNumber } from '#kit/text/phone';
import type { AccountsDeps, UsersClient } from './deps';
import {
  type Account,
  PHONE_NUMBER_RULE,
  PhoneNumberTaken,
  type PhoneRegistration,
  UserNotFound,
  type UserWithAccount,
} from './model';
import { mayRead } from './rules';
import { openAccount } from './service';
import { findAccountOf } from './store';
import { accountView } from './views';

/** A reserved top-level domain, so never delivered (RFC 2606): users who register by phone have no address. */
const NO_ADDRESS = 'phone.invalid';
const USERNAME_LENGTH = 20;
/** Codes of the users service for the username or the address derived from a registered phone number. */
const TAKEN = new Set(['user.username-taken', 'user.email-taken']);

/**
 * Registers a user by phone number and opens their account. The username is a keyed hash of the number: a number
 * registers once, and the username, which is public, does not disclose it.
 *
 * @throws PhoneNumberTaken, ValidationFailed
 */
export async function registerByPhone(
  deps: AccountsDeps,
  input: PhoneRegistration,
): Promise<UserWithAccount> {
  const { typed, number } = readPhoneNumber(input.phone_number);
  const username = usernameOf(deps.phoneSecret, number);
  const user = await createUser(deps, {
    username,
    email: `${username}@${NO_ADDRESS}`,
    password: input.password,
    phone_number: typed,
    date_of_birth: input.date_of_birth,
  });
  const account = await openAccount(deps, user.id, deps.defaultCurrency);
  return userView(user, accountView(account));
}

/** @throws UserNotFound */
export async function readUser(deps: AccountsDeps, caller: Caller, id: string): Promise<UserWithAccount> {
  const user = await findUser(deps, id);
  if (user === undefined) throw new UserNotFound();
  const account = await findAccountOf(deps.database, user.id, deps.defaultCurrency);
  const isReadable = account !== undefined && mayRead(account, caller);
  return userView(user, isReadable ? accountView(account) : null);
}

async function findUser(deps: AccountsDeps, id: string): Promise<UserProfile | undefined> {
  const { users } = isUuid(id) ? await deps.users.getUsers({ ids: [id] }) : { users: [] };
  return users[0];
}

/**
 * @returns the number as it was typed, with the international prefix `00` as `+`, and in the form that identifies it (E.164)
 * @throws ValidationFailed for what is no phone number of any country
 */
function readPhoneNumber(phoneNumber: string): { typed: string; number: string } {
  const typed = phoneNumber.trim().replace(/^00/, '+');
  const number = parsePhoneNumber(typed);
  if (number === null)
    throw new ValidationFailed({ errors: [{ field: 'phone_number', message: PHONE_NUMBER_RULE }] });
  return { typed, number };
}

/** @param number in E.164, so that the name does not depend on how the number is formatted */
export function usernameOf(secret: string, number: string): string {
  const digest = createHmac('sha256', secret).update(`phone number ${number}`).digest('hex');
  return `u${digest.slice(0, USERNAME_LENGTH)}`;
}

async function createUser(
  deps: AccountsDeps,
  input: Parameters<UsersClient['createUser']>[0],
): Promise<UserProfile> {
  try {
    const { user } = await deps.users.createUser(input);
    if (user === undefined) throw new Error('createUser returned no user');
    return user;
  } catch (failure) {
    const taken = failure instanceof Problem && TAKEN.has(failure.code);
    throw taken ? new PhoneNumberTaken({ cause: failure }) : failure;
  }
}

const userView = (user: UserProfile, account: Account | null): UserWithAccount => ({
  id: user.id,
  username: user.username,
  display_name: user.display_name,
  account,
});
