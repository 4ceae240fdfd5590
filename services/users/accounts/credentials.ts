import type { Caller } from '#kit/auth/caller';
import type { NewPassword } from '#kit/auth/password-strength';
import { type RequestLifetime, requireWaiting, type Turn } from '#kit/core/queues/work-queue';
import type { UsersDeps } from '../deps';
import type { UserRow } from './store';

/** A new password on its way to auth: encrypted for the outbox, hashed for the direct call. */
export interface PreparedPassword {
  readonly hash: string;
  readonly sealed: string;
}

/** The turn of somebody who is signed in: registrations of strangers, however many, are not in front of it. */
export const turnOf = ({ id }: Caller, { signal, deadline }: RequestLifetime): Turn => ({
  key: id,
  preferred: true,
  signal,
  deadline,
});

/** @throws ValidationFailed for one of the worst passwords @throws ServiceOverloaded */
export async function preparePassword(
  deps: Pick<UsersDeps, 'passwords' | 'sealer'>,
  chosen: NewPassword,
  turn: Turn,
): Promise<PreparedPassword> {
  const hash = await deps.passwords.hashNew(chosen, turn);
  requireWaiting(turn);
  return { hash, sealed: await deps.sealer.seal(hash) };
}

/**
 * Sends new credentials to auth directly, so that the user can sign in as soon as the response arrives. Best effort:
 * the outbox delivers the same credentials later.
 */
export async function sendCredentials(
  deps: Pick<UsersDeps, 'auth' | 'runtime'>,
  user: UserRow,
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
      'Could not send new credentials to auth directly; the outbox delivers them',
    );
  }
}
