import type { Caller } from '#kit/auth/caller';
import type { RequestLifetime } from '#kit/core/queues/work-queue';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { turnOf } from '../accounts/credentials';
import { changeUser, createUser, eraseUser, lockUser, profileColumns } from '../accounts/lifecycle';
import type { NewUser, OwnProfile } from '../accounts/model';
import * as store from '../accounts/store';
import { ownProfileView } from '../accounts/views';
import { changesBetween, recordAction } from '../audit/service';
import type { UsersDeps } from '../deps';
import { authorizePending } from '../relationships/unlocking';
import { administratorGuard } from '../roles/administrator-guard';
import { findAuthorizations } from '../roles/assignments-store';
import { requireAuthorityOver } from '../roles/authority';
import type { UserChange, UserQuery } from './model';

export async function listUsers(deps: UsersDeps, query: UserQuery): Promise<Page<OwnProfile>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listUsers(deps.database, {
    query: query.query,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (user) => [user.id], ownProfileView);
}

/** Registers a user on behalf of an operator, even while registration is closed. */
export async function registerUser(
  deps: UsersDeps,
  caller: Caller,
  input: NewUser,
  lifetime: RequestLifetime,
): Promise<OwnProfile> {
  const user = await createUser(deps, input, {
    roles: ['user'],
    actor: caller.id,
    turn: turnOf(caller, lifetime),
    record: (transaction, { id, username, email }) =>
      recordAction(transaction, {
        actor: caller,
        action: 'user.registered',
        target: { type: 'user', id },
        changes: changesBetween({}, { username, email, roles: ['user'] }),
      }),
  });
  return ownProfileView(user);
}

/**
 * Updates a user's profile, or activates or deactivates the user.
 *
 * @throws ExceedsOwnPermissions
 * @throws LastAdministrator
 */
export async function updateUser(
  deps: UsersDeps,
  caller: Caller,
  id: string,
  change: UserChange,
): Promise<OwnProfile> {
  await requireAuthorityOver(deps.database, caller, id);
  const guard = await administratorGuard(deps.database);
  const updated = await inTransaction(deps.database, async (transaction) => {
    const before = await lockUser(transaction, id);
    if (change.active === false) await guard(transaction, id);
    const columns = {
      ...profileColumns(change),
      ...(change.active !== undefined && { active: change.active }),
    };
    const after = await changeUser(transaction, id, columns, caller.id);
    const changes = changesBetween(ownProfileView(before), ownProfileView(after));
    if (changes.length > 0)
      await recordAction(transaction, {
        actor: caller,
        action: 'user.changed',
        target: { type: 'user', id },
        changes,
      });
    return after;
  });
  deps.outbox.wake();
  if (change.locked === false) await authorizePending(deps, id);
  return ownProfileView(updated);
}

/** Deletes a user and their data in every service. @throws ExceedsOwnPermissions @throws LastAdministrator */
export async function deleteUser(deps: UsersDeps, caller: Caller, id: string): Promise<void> {
  await requireAuthorityOver(deps.database, caller, id);
  const guard = await administratorGuard(deps.database);
  await inTransaction(deps.database, async (transaction) => {
    const user = await lockUser(transaction, id);
    await guard(transaction, id);
    const { roles } = await findAuthorizations(transaction, id);
    await eraseUser(transaction, user, caller.id);
    await recordAction(transaction, {
      actor: caller,
      action: 'user.erased',
      target: { type: 'user', id },
      changes: changesBetween({ active: user.active, roles }, {}),
    });
  });
  deps.outbox.wake();
}
