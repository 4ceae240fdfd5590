import { Problem } from '#kit/errors/problem';
import { emailKey } from '#kit/text/email';
import { applyEmail, applyRegistration } from '../credentials/replication';
import { findByName } from '../credentials/store';
import type { AuthDeps } from '../deps';
import type { Requester } from '../sessions/cookies';
import type { Entered } from '../sessions/sign-in';
import type { ForeignAccount } from './account';
import { enterFederated, keepAccount, takeAccount } from './flow';
import { linkRegistered } from './links';
import { IdentityTaken } from './model';
import { findIdentity } from './store';

/** A transaction and the outbox; no password is hashed. */
const REGISTER_DEADLINE_MS = 5_000;

/** Whether the provider has verified the address of an account, and the operator trusts it for that. */
export const isVerified = (
  { providers }: Pick<AuthDeps, 'providers'>,
  { provider, emailVerified }: ForeignAccount,
): boolean => emailVerified && providers.named(provider).trustsEmail;

/**
 * Whether somebody has an account here with the verified address of a foreign one. It is not signed in to, and not linked: its
 * owner signs in first. Where the address is not verified, nothing is told about accounts with it.
 */
export async function hasAccountHere(
  deps: Pick<AuthDeps, 'database' | 'providers'>,
  account: ForeignAccount,
): Promise<boolean> {
  if (account.email === null || !isVerified(deps, account)) return false;
  const name = { kind: 'email', key: emailKey(account.email) } as const;
  return (await findByName(deps.database, name)) !== undefined;
}

/**
 * Registers the owner of a waiting account, who has no password, and signs in. Registered by another provider or not, the rules
 * of users apply. While it fails the account goes on waiting.
 *
 * @throws ForeignSignInExpired, IdentityTaken
 * @throws Problem of users: `user.username-taken`, `user.email-taken`, `registration.closed` and so on
 */
export async function registerWithAccount(
  deps: AuthDeps,
  provider: string,
  token: string | undefined,
  input: { username: string; email: string; from: Requester },
): Promise<{ entered: Entered; next: string }> {
  const waiting = await takeAccount(deps, provider, token);
  const { account, next } = waiting;
  if ((await findIdentity(deps.database, account)) !== undefined) throw new IdentityTaken();
  const user = await createUser(deps, account, input).catch(async (failure: unknown) => {
    // The form can be sent again.
    if (failure instanceof Problem && token !== undefined) await keepAccount(deps, token, waiting);
    throw failure;
  });
  await linkRegistered(deps, user.userId, account);
  return { entered: await enterFederated(deps, user, input.from), next };
}

async function createUser(
  deps: AuthDeps,
  account: ForeignAccount,
  { username, email, from }: { username: string; email: string; from: Requester },
): Promise<{ userId: string; username: string }> {
  const isOwnAddress = account.email !== null && emailKey(account.email) === emailKey(email);
  const request = { username, email, email_verified: isOwnAddress && isVerified(deps, account) };
  const { user: created } = await deps.users.createUserWithoutPassword(request, {
    ...from.lifetime,
    deadlineMs: REGISTER_DEADLINE_MS,
    onBehalfOf: { origin: from.client },
  });
  if (created === undefined) throw new Error('users returned a successful registration without a user');
  const user = { userId: created.id, username: created.username };
  await applyRegistration(deps, user);
  await applyEmail(deps, { userId: created.id, email, version: created.version });
  return user;
}
