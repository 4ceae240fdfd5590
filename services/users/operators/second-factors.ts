import type { Caller } from '#kit/auth/caller';
import { inTransaction } from '#kit/mysql/database';
import { lockUser } from '../accounts/lifecycle';
import { requireUser } from '../accounts/service';
import { recordAction } from '../audit/service';
import type { UsersDeps } from '../deps';
import { requireAuthorityOver } from '../roles/authority';

const DEADLINE_MS = 5_000;

/**
 * Removes the second factors of a user who has lost them. They belong to auth, which tells the user.
 *
 * @throws ExceedsOwnPermissions
 * @throws UserNotFound
 */
export async function removeSecondFactors(deps: UsersDeps, caller: Caller, id: string): Promise<void> {
  await requireUser(deps, id);
  await requireAuthorityOver(deps.database, caller, id);
  await inTransaction(deps.database, async (transaction) => {
    await lockUser(transaction, id);
    await recordAction(transaction, {
      actor: caller,
      action: 'user.second-factors-removed',
      target: { type: 'user', id },
      changes: [],
    });
    // Last, so that nothing is removed without an entry. Twice does no harm.
    await deps.auth.removeSecondFactors({ user_id: id }, { deadlineMs: DEADLINE_MS });
  });
}
