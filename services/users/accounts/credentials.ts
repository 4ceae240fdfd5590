import type { NewPassword } from '#kit/auth/password-strength';
import type { UsersDeps } from '../deps';
import type { UserRow } from './store';

/** A new password on its way to auth: encrypted for the outbox, hashed for the direct call. */
export interface PreparedPassword {
  readonly hash: string;
  readonly sealed: string;
}

/** @throws ValidationFailed for one of the worst passwords */
export async function preparePassword(
  deps: Pick<UsersDeps, 'passwords' | 'sealer'>,
  chosen: NewPassword,
): Promise<PreparedPassword> {
  const hash = await deps.passwords.hashNew(chosen);
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
