import { createHash, randomBytes } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import type { Passwords } from '#kit/auth/passwords';
import type { Client } from '#kit/http/client-address';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import type { Afterwards } from '../background-queue';
import type { CredentialsDeps } from '../credentials/service';
import * as credentials from '../credentials/store';
import { normalizeName, RESET_LINK_MS } from '../keys/rules';
import { type ForgottenPassword, type PasswordReset, ResetRefused } from '../sessions/model';
import { endAllSessions } from '../sessions/store';
import type { ResetThrottle, Throttle } from '../throttle/throttle';
import { revoking } from '../tokens/revocations';
import * as store from './store';

export interface PasswordResetDeps extends CredentialsDeps {
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly resetThrottle: ResetThrottle;
  readonly afterwards: Afterwards;
  /** Where people reach this system; the page of the link is there. */
  readonly publicUrl: string;
}

/**
 * Has a link mailed to an address if there is an account with it. Whether there is shows neither in the answer nor in
 * its time: looking for it begins once the answer is made.
 *
 * @throws TooManyAttempts by what was sent, whether or not there is such an account
 */
export async function requestReset(
  deps: PasswordResetDeps,
  input: ForgottenPassword,
  client: Client,
): Promise<void> {
  const email = normalizeName(input.email);
  await deps.resetThrottle.admit({ account: email, address: client.address });
  deps.afterwards('mailing a link to reset a password', () => mailLink(deps, email));
}

async function mailLink(deps: PasswordResetDeps, email: string): Promise<void> {
  const known = await credentials.findByName(deps.database, { kind: 'email', value: email });
  if (known === undefined || !known.active) return;
  const { userId } = known;
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(deps.now() + RESET_LINK_MS);
  const values = { link: linkOf(deps.publicUrl, token), expires_at: expiresAt.toISOString() };
  const mail = outboxEntry(
    MailRequested,
    { to: { address: email }, content: { template: 'password-reset', values } },
    { aggregate: { type: 'password-reset', id: userId, version: 1 }, actor: null, erasePayload: true },
  );
  await inTransaction(deps.database, async (transaction) => {
    // Whoever was erased, or has another address, since they were looked up is not written to.
    const held = await credentials.holdByUserId(transaction, userId);
    if (held?.email !== email) return;
    await store.insertReset(transaction, { hash: hashOf(token), userId, expiresAt });
    await writeOutbox(transaction, [mail]);
  });
  deps.outbox.wake();
}

/** The token stands behind `#`, where no server's log and no `Referer` gets to see it. */
const linkOf = (publicUrl: string, token: string): string =>
  new URL(`reset-password#token=${token}`, `${publicUrl.replace(/\/+$/, '')}/`).href;

/**
 * Sets a new password with the token of a mailed link, and ends all sessions. The token is good once.
 *
 * @throws ResetRefused for a token that is unknown, used or too old
 */
export async function resetPassword(
  deps: PasswordResetDeps,
  { token, new_password }: PasswordReset,
): Promise<void> {
  const hash = hashOf(token);
  const reset = await store.findReset(deps.database, hash, new Date(deps.now()));
  // Before the costly part: hashing is for those who hold a link.
  if (reset === undefined) throw new ResetRefused();
  const { userId } = reset;
  const passwordHash = await deps.passwords.hash(new_password);
  await revoking(deps, userId, async (transaction, revoke) => {
    const known = await credentials.holdByUserId(transaction, userId);
    const usable = await store.takeReset(transaction, hash);
    if (!usable || known === undefined || known.erasedAt !== null) throw new ResetRefused();
    const now = new Date(deps.now());
    await credentials.update(transaction, userId, { passwordHash, passwordResetAt: now });
    await store.deleteResets(transaction, userId);
    await endAllSessions(transaction, userId, now);
    revoke({ kind: 'user', subject: userId });
  });
  await deps.throttle.forget(userId);
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
