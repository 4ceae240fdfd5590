import { createHash, randomBytes } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import { withoutTrailingSlashes } from '#kit/config/urls';
import { requireWaiting } from '#kit/core/queues/work-queue';
import { networkOf } from '#kit/http/network';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import * as credentials from '../credentials/store';
import type { Attempt, AuthDeps } from '../deps';
import type { Requester } from '../sessions/cookies';
import { endAllSessions } from '../sessions/store';
import { withRevocations } from '../tokens/revocations';
import { type ForgottenPassword, InvalidResetToken, type PasswordReset } from './model';
import * as store from './store';

/** Lifetime of a password reset link. */
export const RESET_LINK_MS = 30 * 60_000;

/**
 * Mails a password reset link to an address if there is an account with it. Neither the response nor its time reveals
 * whether there is, or whether the account had its share of mails: both are looked up after the response.
 *
 * @throws TooManyAttempts by the requester's network alone
 */
export async function requestReset(deps: AuthDeps, input: ForgottenPassword, from: Requester): Promise<void> {
  await deps.resetThrottle.admitRequest(from.client.address);
  const key = emailKey(input.email);
  deps.backgroundQueue.enqueue('mailing a password reset link', () => mailLink(deps, key, from));
}

async function mailLink(deps: AuthDeps, key: string, from: Requester): Promise<void> {
  const found = await credentials.findByName(deps.database, { kind: 'email', key });
  if (found === undefined || !found.active || found.email === null) return;
  const request = {
    userId: found.userId,
    email: key,
    address: from.client.address,
    device: from.device,
  };
  if (!(await deps.resetThrottle.admitMail(request))) return;
  // To the stored form: what was typed may lead elsewhere although its key is the same.
  const { userId, email } = found;
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(deps.now() + RESET_LINK_MS);
  const values = { link: linkOf(deps.publicUrl, token), expires_at: expiresAt.toISOString() };
  const mail = outboxEntry(
    MailRequested,
    {
      to: { address: email },
      content: { template: 'password-reset', values },
      about_user_id: userId,
    },
    { aggregate: { type: 'password-reset', id: userId, version: 1 }, actor: null },
  );
  await inTransaction(deps.database, async (transaction) => {
    // The user may have been erased, or may have changed the address, since the lookup.
    const locked = await credentials.lockByUserId(transaction, userId);
    if (locked?.email !== email) return;
    await store.insertReset(transaction, { hash: hashOf(token), userId, expiresAt });
    await writeOutbox(transaction, [mail]);
  });
  deps.outbox.wake();
}

/**
 * To a page of ours that works without JavaScript, for which the token is in the query: no log of ours has queries, the page tells
 * nobody its address, and opening it uses nothing up.
 */
const linkOf = (publicUrl: string, token: string): string =>
  new URL(`auth/reset-password?token=${token}`, `${withoutTrailingSlashes(publicUrl)}/`).href;

/** Whether a mailed link can still be used. */
export const isUsable = async (deps: Pick<AuthDeps, 'database' | 'now'>, token: string): Promise<boolean> =>
  (await store.findReset(deps.database, hashOf(token), new Date(deps.now()))) !== undefined;

/**
 * Sets a new password with the token of a mailed link, and ends all sessions. A token can be used once. Its owner has
 * proved to be the owner of the account, and can sign in whatever strangers have tried.
 *
 * @returns the value of the device cookie
 * @throws InvalidResetToken for a token that is unknown, used or expired
 * @throws ValidationFailed for one of the worst passwords; the token stays valid
 * @throws ServiceOverloaded; the token stays valid
 */
export async function resetPassword(
  deps: AuthDeps,
  { token, new_password }: PasswordReset,
  from: Requester,
): Promise<string> {
  const hash = hashOf(token);
  const reset = await store.findReset(deps.database, hash, new Date(deps.now()));
  // Checked before the expensive password hashing.
  if (reset === undefined) throw new InvalidResetToken();
  const { userId } = reset;
  const stored = await credentials.findByUserId(deps.database, userId);
  const names = [stored?.username, stored?.email];
  const passwordHash = await deps.passwords.hashNew(
    { password: new_password, field: 'new_password', names },
    { ...from.lifetime, key: networkOf(from.client.address) },
  );
  requireWaiting(from.lifetime);
  await withRevocations(deps, userId, async (transaction, revoke) => {
    const locked = await credentials.lockByUserId(transaction, userId);
    const consumed = await store.consumeReset(transaction, hash);
    if (!consumed || locked === undefined || locked.erasedAt !== null) throw new InvalidResetToken();
    const now = new Date(deps.now());
    await credentials.update(transaction, userId, { passwordHash, passwordResetAt: now });
    await store.deleteResets(transaction, userId);
    await endAllSessions(transaction, userId, now);
    revoke({ kind: 'user', subject: userId });
  });
  await deps.throttle.forgive(signInNames(stored), from.client.address);
  return deps.devices.remember(from.device, userId);
}

const signInNames = (stored: credentials.CredentialsRow | undefined): Attempt['name'][] => [
  ...(stored?.username == null ? [] : [['username', stored.username] as const]),
  ...(stored?.emailKey == null ? [] : [['email', stored.emailKey] as const]),
];

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
