import { createHash, randomBytes } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import { withoutTrailingSlashes } from '#kit/config/urls';
import type { Client } from '#kit/http/client-address';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import { emailKey } from '#kit/text/email';
import * as credentials from '../credentials/store';
import type { AuthDeps } from '../deps';
import { endAllSessions } from '../sessions/store';
import { withRevocations } from '../tokens/revocations';
import { type ForgottenPassword, InvalidResetToken, type PasswordReset } from './model';
import * as store from './store';

/** Lifetime of a password reset link. */
export const RESET_LINK_MS = 30 * 60_000;

/**
 * Mails a password reset link to an address if there is an account with it. Neither the response nor its time reveals
 * whether there is: the lookup runs after the response.
 *
 * @throws TooManyAttempts by the address and the client, whether or not the account exists
 */
export async function requestReset(deps: AuthDeps, input: ForgottenPassword, client: Client): Promise<void> {
  const key = emailKey(input.email);
  await deps.resetThrottle.admit({ account: key, address: client.address });
  deps.backgroundQueue.enqueue('mailing a password reset link', () => mailLink(deps, key));
}

async function mailLink(deps: AuthDeps, key: string): Promise<void> {
  const found = await credentials.findByName(deps.database, { kind: 'email', key });
  if (found === undefined || !found.active || found.email === null) return;
  // To the stored form: what was typed may lead elsewhere although its key is the same.
  const { userId, email } = found;
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(deps.now() + RESET_LINK_MS);
  const values = { link: linkOf(deps.publicUrl, token), expires_at: expiresAt.toISOString() };
  const mail = outboxEntry(
    MailRequested,
    { to: { address: email }, content: { template: 'password-reset', values } },
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

/** The token is in the fragment, which appears in no server log and no `Referer`. */
const linkOf = (publicUrl: string, token: string): string =>
  new URL(`reset-password#token=${token}`, `${withoutTrailingSlashes(publicUrl)}/`).href;

/**
 * Sets a new password with the token of a mailed link, and ends all sessions. A token can be used once.
 *
 * @throws InvalidResetToken for a token that is unknown, used or expired
 */
export async function resetPassword(deps: AuthDeps, { token, new_password }: PasswordReset): Promise<void> {
  const hash = hashOf(token);
  const reset = await store.findReset(deps.database, hash, new Date(deps.now()));
  // Checked before the expensive password hashing.
  if (reset === undefined) throw new InvalidResetToken();
  const { userId } = reset;
  const passwordHash = await deps.passwords.hash(new_password);
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
  await deps.throttle.unblock(userId);
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
