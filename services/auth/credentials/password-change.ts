import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';
import type { Client } from '#kit/http/client-address';
import type { AuthDeps } from '../deps';
import { deleteResets } from '../password-resets/store';
import { endOtherSessions } from '../sessions/service';
import { withRevocations } from '../tokens/revocations';
import { type PasswordChange, WrongPassword } from './model';
import * as store from './store';

/**
 * Changes the caller's password and ends all other sessions.
 *
 * @param userId must be the caller's
 * @throws Forbidden for another user's password
 * @throws WrongPassword
 * @throws TooManyAttempts
 */
export async function changePassword(
  deps: AuthDeps,
  caller: Caller,
  userId: string,
  input: PasswordChange & { client: Client },
): Promise<void> {
  if (userId !== caller.id) throw new Forbidden({ detail: 'You can change only your own password.' });
  const stored = await store.findByUserId(deps.database, caller.id);
  const attempt = { account: caller.id, address: input.client.address };
  await deps.throttle.admit(attempt);
  const from = stored?.passwordHash ?? null;
  const { matches } = await deps.passwords.verify(input.current_password, from);
  if (!matches || from === null) {
    await deps.throttle.failed(attempt);
    throw new WrongPassword();
  }
  await deps.throttle.succeeded(attempt);
  const to = await deps.passwords.hash(input.new_password);
  await withRevocations(deps, caller.id, async (transaction, revoke) => {
    const changed = await store.replaceHash(transaction, caller.id, { from, to });
    if (!changed) throw new WrongPassword({ detail: 'The password was changed in the meantime.' });
    await deleteResets(transaction, caller.id);
    await endOtherSessions(deps, caller, { transaction, revoke });
  });
}
