import { createHmac } from 'node:crypto';
import type { UserProfile, UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { type Account, type NewPerson, type Person, PersonNotFound, PhoneNumberTaken } from './model';
import { type AccountsDeps, accountView, balancesView, openAccount } from './service';
import { findAccountOf } from './store';

/** What this service asks users. */
export type UsersClient = Pick<GrpcClient<UsersServiceDefinition>, 'createUser' | 'getUsers'>;

/** Never delivered anywhere (RFC 2606): people who come with a phone number have no address yet. */
const NO_ADDRESS = 'phone.invalid';
const USERNAME_LENGTH = 20;

/**
 * Registers somebody by phone number and opens their account. The username they sign in with is made of the number in a
 * way only this service can repeat: so a number registers once, and usernames, which everybody sees, do not tell it.
 *
 * @throws PhoneNumberTaken
 */
export async function registerByPhone(deps: AccountsDeps, input: NewPerson): Promise<Person> {
  const username = usernameOf(deps.phoneSecret, input.phone_number);
  const user = await createUser(deps, {
    username,
    email: `${username}@${NO_ADDRESS}`,
    password: input.password,
    phone_number: input.phone_number,
    date_of_birth: input.date_of_birth,
  });
  const account = await openAccount(deps, user.id, deps.defaultCurrency);
  return personView(user, {
    id: account.id,
    user_id: user.id,
    currency: account.currency,
    status: 'open',
    ...balancesView(account),
    created_at: account.createdAt.toISOString(),
  });
}

/** @throws PersonNotFound */
export async function readPerson(deps: AccountsDeps, caller: Caller, id: string): Promise<Person> {
  const { users } = isUuid(id) ? await deps.users.getUsers({ ids: [id] }) : { users: [] };
  const [user] = users;
  if (user === undefined) throw new PersonNotFound();
  const account = await findAccountOf(deps.database, user.id, deps.defaultCurrency);
  return personView(user, account === undefined ? null : accountView(account, caller));
}

/** The same for every way of writing one number. */
export function usernameOf(secret: string, phoneNumber: string): string {
  const number = phoneNumber.replaceAll(/[^0-9+]/g, '').replace(/^00/, '+');
  const digest = createHmac('sha256', secret).update(`phone number ${number}`).digest('hex');
  return `u${digest.slice(0, USERNAME_LENGTH)}`;
}

async function createUser(
  deps: AccountsDeps,
  input: Parameters<UsersClient['createUser']>[0],
): Promise<UserProfile> {
  try {
    const { user } = await deps.users.createUser(input);
    if (user === undefined) throw new Error('users answered a registration without the person');
    return user;
  } catch (failure) {
    const taken = failure instanceof Problem && /^user\.(username|email)-taken$/.test(failure.code);
    throw taken ? new PhoneNumberTaken({ cause: failure }) : failure;
  }
}

const personView = (user: UserProfile, account: Account | null): Person => ({
  id: user.id,
  username: user.username,
  display_name: user.display_name,
  account,
});
