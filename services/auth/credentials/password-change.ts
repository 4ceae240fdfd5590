import type { Caller } from '#kit/auth/caller';
import { type RequestLifetime, requireWaiting } from '#kit/core/queues/work-queue';
import { Forbidden } from '#kit/errors/problem';
import type { AuthDeps } from '../deps';
import { deleteResets } from '../password-resets/store';
import type { Requester } from '../sessions/cookies';
import type { TokenPair } from '../sessions/model';
import { renewSession } from '../sessions/service';
import { checkPassword } from '../throttle/password-check';
import { queueOfSession } from '../throttle/throttle';
import { type PasswordChange, WrongPassword } from './model';
import * as store from './store';

/**
 * Changes the caller's password and ends all sessions. The caller goes on in a new one: whoever had a token of the old one
 * is signed out as well.
 *
 * @param userId must be the caller's
 * @throws Forbidden for another user's password
 * @throws WrongPassword
 * @throws ValidationFailed for one of the worst passwords
 * @throws TooManyAttempts
 * @throws ServiceOverloaded
 */
export async function changePassword(
  deps: AuthDeps,
  caller: Caller,
  userId: string,
  input: PasswordChange & { from: Requester },
): Promise<TokenPair> {
  if (userId !== caller.id) throw new Forbidden({ detail: 'You can change only your own password.' });
  const { current_password: password, new_password, from } = input;
  const stored = await confirmPassword(deps, caller, { password, lifetime: from.lifetime });
  const names = [stored.username, stored.email];
  const passwordHash = await deps.passwords.hashNew(
    { password: new_password, field: 'new_password', names },
    { ...from.lifetime, key: caller.id, preferred: true },
  );
  requireWaiting(from.lifetime);
  return renewSession(deps, caller, from.client, async (transaction) => {
    const hashes = { from: stored.passwordHash, to: passwordHash };
    if (!(await store.replaceHash(transaction, caller.id, hashes)))
      throw new WrongPassword({ detail: 'The password was changed in the meantime.' });
    await deleteResets(transaction, caller.id);
  });
}

/**
 * Checks the caller's password, which confirms an action. Wrong ones count for the caller's session: nobody else's count
 * against it.
 *
 * @throws WrongPassword
 * @throws TooManyAttempts
 * @throws ServiceOverloaded
 */
export async function confirmPassword(
  deps: AuthDeps,
  caller: Caller,
  { password, lifetime }: { password: string; lifetime: RequestLifetime },
): Promise<store.CredentialsRow & { passwordHash: string }> {
  const turn = { ...lifetime, key: queueOfSession(caller.sessionId), preferred: true };
  const release = deps.passwordTurns.reserve(turn);
  try {
    return await checkStored(deps, caller, { password, lifetime, release });
  } finally {
    release();
  }
}

async function checkStored(
  deps: AuthDeps,
  caller: Caller,
  { password, lifetime, release }: { password: string; lifetime: RequestLifetime; release: () => void },
): Promise<store.CredentialsRow & { passwordHash: string }> {
  const stored = await store.findByUserId(deps.database, caller.id);
  const hash = stored?.passwordHash ?? null;
  const admit = () => deps.throttle.admitSession(caller.sessionId);
  const { matches } = await checkPassword(deps, admit, { password, hash, lifetime, release });
  if (!matches || stored === undefined || hash === null) throw new WrongPassword();
  return { ...stored, passwordHash: hash };
}
