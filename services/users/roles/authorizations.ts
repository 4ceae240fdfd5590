import { UserAuthorizationsChanged } from '#contracts/events/users';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { ValidationFailed } from '#kit/errors/problem';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import * as store from '../accounts/store';
import { isReduced } from './rules';
import * as rolesStore from './store';

export interface AuthorizationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
}

/** People told about in one transaction: short enough that nobody waits long for a row. */
const BATCH_PEOPLE = 100;
/** For what a process that ended has left; what has just changed is told at once. */
const LEFT_OVER_EVERY_MS = 5_000;

/**
 * Gives a person exactly the wanted roles, and tells auth in the same transaction. The person's row must be locked.
 *
 * @returns what the person could do before and can do now
 * @throws ValidationFailed for a role that does not exist
 */
export async function replaceRoles(
  transaction: Transaction,
  userId: string,
  change: { wanted: (held: readonly string[]) => readonly string[]; actor: string },
): Promise<{ before: store.Authorizations; after: store.Authorizations }> {
  const before = await store.findAuthorizations(transaction, userId);
  const wanted = change.wanted(before.roles);
  for (const role of before.roles.filter((name) => !wanted.includes(name)))
    await rolesStore.removeRole(transaction, userId, role);
  for (const role of wanted.filter((name) => !before.roles.includes(name)))
    if (!(await rolesStore.assignRole(transaction, userId, role)))
      throw new ValidationFailed({ errors: [{ field: 'roles', message: 'Names of existing roles' }] });
  const after = await store.findAuthorizations(transaction, userId);
  if (Bun.deepEquals(before, after)) return { before, after };
  await store.updateUser(transaction, userId, {});
  const users = await store.lockUsers(transaction, [userId]);
  await writeOutbox(
    transaction,
    [...users.values()].map((user) =>
      announcement(user, after, { ...change, reduced: isReduced(before, after) }),
    ),
  );
  return { before, after };
}

/** Tells auth of the people whose roles have changed: some at once, the rest in the background. */
export async function announceChanges(deps: AuthorizationsDeps): Promise<void> {
  try {
    await announceBatch(deps);
  } catch (failure) {
    deps.runtime.log.warn({ err: failure }, 'a change of rights was not announced at once; it will be soon');
  }
}

/** Announces what is left over, now and every five seconds until the process ends. */
export function announceLeftOvers(deps: AuthorizationsDeps): void {
  repeatEvery(deps.runtime, 'announcing changes of rights', { everyMs: LEFT_OVER_EVERY_MS }, async () => {
    while (!deps.runtime.closing.aborted && (await announceBatch(deps)) === BATCH_PEOPLE);
  });
}

/** @returns how many people it was told about */
async function announceBatch(deps: AuthorizationsDeps): Promise<number> {
  const count = await inTransaction(deps.database, async (transaction) => {
    const changes = await rolesStore.takeAuthorizationChanges(transaction, BATCH_PEOPLE);
    if (changes.length === 0) return 0;
    const ids = changes.map((change) => change.userId);
    await store.lockUsers(transaction, ids);
    await store.raiseVersions(transaction, ids);
    const users = await store.lockUsers(transaction, ids);
    const authorizationsOf = await store.findAuthorizationsOf(transaction, ids);
    await writeOutbox(
      transaction,
      changes.flatMap(({ userId, reduced, actorId }) => {
        const user = users.get(userId);
        return user === undefined
          ? []
          : [announcement(user, authorizationsOf(userId), { reduced, actor: actorId })];
      }),
    );
    await rolesStore.deleteAuthorizationChanges(transaction, ids);
    return changes.length;
  });
  if (count > 0) deps.outbox.wake();
  return count;
}

function announcement(
  user: store.UserRow,
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
