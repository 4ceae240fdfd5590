import type { Caller } from '#kit/auth/caller';
import type { Passwords } from '#kit/auth/passwords';
import { Forbidden, ValidationFailed } from '#kit/errors/problem';
import type { Client } from '#kit/http/client-address';
import { expectPerson, findAuthorizations } from '../credentials/service';
import * as store from '../credentials/store';
import { normalizeName } from '../keys/rules';
import { deleteResets } from '../password-resets/store';
import type { Throttle } from '../throttle/throttle';
import { revoking } from '../tokens/revocations';
import {
  Deactivated,
  type PasswordChange,
  type Registration,
  type SignIn,
  type TokenPair,
  WrongCredentials,
  WrongPassword,
} from './model';
import { endOtherSessions, openSession, type SessionsDeps } from './service';

export interface AuthDeps extends SessionsDeps {
  readonly passwords: Passwords;
  readonly throttle: Throttle;
}

export interface SignedIn extends TokenPair {
  readonly user: { readonly id: string; readonly username: string };
}

/** Hashing, one transaction, and the way back here with the credentials. */
const REGISTER_DEADLINE_MS = 5_000;

/** Has the users service register a person, and signs them in. */
export async function register(deps: AuthDeps, input: Registration, client: Client): Promise<SignedIn> {
  const { user } = await deps.users.createUser(input, { deadlineMs: REGISTER_DEADLINE_MS });
  if (user === undefined) throw new Error('users answered a registration without the person');
  const person = { userId: user.id, username: user.username };
  await expectPerson(deps, person);
  return open(deps, person, { client, verifiedHash: null });
}

/**
 * Signs a person in by username or address.
 *
 * @throws WrongCredentials the same, after the same time, for an unknown name and for a wrong password
 * @throws TooManyAttempts
 */
export async function signIn(deps: AuthDeps, input: SignIn, client: Client): Promise<SignedIn> {
  const name = nameOf(input);
  const known = await store.findByName(deps.database, name);
  const attempt = { account: known?.userId ?? `${name.kind} ${name.value}`, address: client.address };
  await deps.throttle.admit(attempt);
  const hash = known?.passwordHash ?? null;
  if (!(await deps.passwords.verify(input.password, hash)) || known?.username == null || hash === null) {
    await deps.throttle.failed(attempt);
    throw new WrongCredentials();
  }
  await deps.throttle.succeeded(attempt);
  const person = { userId: known.userId, username: known.username };
  const verifiedHash = await renewIfOutdated(deps, person.userId, hash, input.password);
  return open(deps, person, { client, verifiedHash });
}

/** Makes the hash anew where today's parameters are others. @returns the hash that holds now */
async function renewIfOutdated(
  deps: AuthDeps,
  userId: string,
  from: string,
  password: string,
): Promise<string> {
  if (!deps.passwords.isOutdated(from)) return from;
  const to = await deps.passwords.hash(password);
  return (await store.replaceHash(deps.database, userId, { from, to })) ? to : from;
}

function nameOf({ username, email }: SignIn): store.Name {
  if (username !== undefined && email === undefined)
    return { kind: 'username', value: normalizeName(username) };
  if (email !== undefined && username === undefined) return { kind: 'email', value: normalizeName(email) };
  throw new ValidationFailed({ errors: [{ field: 'username', message: 'Either username or email' }] });
}

async function open(
  deps: AuthDeps,
  person: { userId: string; username: string },
  from: { client: Client; verifiedHash: string | null },
): Promise<SignedIn> {
  const authorizations = await findAuthorizations(deps, person.userId);
  if (!authorizations.active) throw new Deactivated();
  const tokens = await openSession(deps, person, authorizations, from);
  return { ...tokens, user: { id: person.userId, username: person.username } };
}

/**
 * Changes one's own password and ends all other sessions.
 *
 * @throws Forbidden for somebody else's
 * @throws WrongPassword
 * @throws TooManyAttempts
 */
export async function changePassword(
  deps: AuthDeps,
  caller: Caller,
  userId: string,
  input: PasswordChange,
  client: Client,
): Promise<void> {
  if (userId !== caller.id) throw new Forbidden({ detail: 'Only your own password can be changed.' });
  const known = await store.findByUserId(deps.database, caller.id);
  const attempt = { account: caller.id, address: client.address };
  await deps.throttle.admit(attempt);
  const from = known?.passwordHash ?? null;
  if (!(await deps.passwords.verify(input.current_password, from)) || from === null) {
    await deps.throttle.failed(attempt);
    throw new WrongPassword();
  }
  await deps.throttle.succeeded(attempt);
  const to = await deps.passwords.hash(input.new_password);
  await revoking(deps, caller.id, async (transaction, revoke) => {
    const changed = await store.replaceHash(transaction, caller.id, { from, to });
    if (!changed) throw new WrongPassword({ detail: 'It was changed a moment ago.' });
    await deleteResets(transaction, caller.id);
    await endOtherSessions(deps, caller, { transaction, revoke });
  });
}
