import { UserAuthorizationsChanged } from '#contracts/events/users';
import { repeatEvery } from '#kit/core/repeat';
import { ValidationFailed } from '#kit/errors/problem';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { incrementVersions, lockUsers, type UserRow, updateUser } from '../accounts/store';
import type { UsersDeps } from '../deps';
import * as store from './assignments-store';
import { isReduced } from './rules';

export type AuthorizationsDeps = Pick<UsersDeps, 'runtime' | 'database' | 'outbox'>;

/** Users in one transaction: small enough that no request waits long for a row lock. */
const BATCH_USERS = 100;
/** For changes that a terminated process has left; the rest are published when they are made. */
const PENDING_EVERY_MS = 5_000;

/**
 * Replaces a user's roles and publishes the authorizations in the same transaction. The user's row must be locked.
 *
 * @param change.wanted maps the current role names to the new ones
 * @returns the authorizations before and after
 * @throws ValidationFailed for a role that does not exist
 */
export async function replaceRoles(
  transaction: Transaction,
  userId: string,
  change: { wanted: (current: readonly string[]) => readonly string[]; actor: string },
): Promise<{ before: store.Authorizations; after: store.Authorizations }> {
  const before = await store.findAuthorizations(transaction, userId);
  const wanted = change.wanted(before.roles);
  for (const role of before.roles.filter((name) => !wanted.includes(name)))
    await store.removeRole(transaction, userId, role);
  for (const role of wanted.filter((name) => !before.roles.includes(name)))
    if (!(await store.assignRole(transaction, userId, role)))
      throw new ValidationFailed({ errors: [{ field: 'roles', message: 'Names of existing roles' }] });
  const after = await store.findAuthorizations(transaction, userId);
  if (Bun.deepEquals(before, after)) return { before, after };
  await updateUser(transaction, userId, {});
  const users = await lockUsers(transaction, [userId]);
  await writeOutbox(
    transaction,
    [...users.values()].map((user) =>
      authorizationsChanged(user, after, { actor: change.actor, reduced: isReduced(before, after) }),
    ),
  );
  return { before, after };
}

/**
 * Publishes the authorizations of the users whose roles have changed: the first batch now, the rest in the background.
 * Never throws.
 */
export async function publishChanges(deps: AuthorizationsDeps): Promise<void> {
  try {
    await publishBatch(deps);
  } catch (failure) {
    deps.runtime.log.warn(
      { err: failure },
      'Could not publish authorization changes; retrying in the background',
    );
  }
}

/** Publishes pending changes in the background until the runtime shuts down. */
export function publishPendingChanges(deps: AuthorizationsDeps): void {
  repeatEvery(deps.runtime, 'publishing authorization changes', { everyMs: PENDING_EVERY_MS }, async () => {
    while (!deps.runtime.closing.aborted && (await publishBatch(deps)) === BATCH_USERS);
  });
}

/** @returns the number of changes taken from the queue */
async function publishBatch(deps: AuthorizationsDeps): Promise<number> {
  const count = await inTransaction(deps.database, async (transaction) => {
    const changes = await store.lockPendingChanges(transaction, BATCH_USERS);
    if (changes.length === 0) return 0;
    const ids = changes.map((change) => change.userId);
    await lockUsers(transaction, ids);
    await incrementVersions(transaction, ids);
    const users = await lockUsers(transaction, ids);
    const authorizationsOf = await store.findAuthorizationsOf(transaction, ids);
    await writeOutbox(
      transaction,
      changes.flatMap(({ userId, reduced, actorId }) => {
        const user = users.get(userId);
        if (user === undefined) return [];
        return [authorizationsChanged(user, authorizationsOf(userId), { reduced, actor: actorId })];
      }),
    );
    await store.deletePendingChanges(transaction, ids);
    return changes.length;
  });
  if (count > 0) deps.outbox.wake();
  return count;
}

function authorizationsChanged(
  user: UserRow,
  { roles, permissions }: store.Authorizations,
  change: { reduced: boolean; actor: string },
): OutboxEntry {
  const { id, active, version } = user;
  return outboxEntry(
    UserAuthorizationsChanged,
    { user_id: id, roles, permissions, active, reduced: change.reduced, version },
    { aggregate: { type: 'user', id, version }, actor: change.actor },
  );
}
