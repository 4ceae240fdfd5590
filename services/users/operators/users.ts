import type { Caller } from '#kit/auth/caller';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { inTransaction } from '#kit/mysql/database';
import {
  changeAccount,
  eraseAccount,
  lockPerson,
  openAccount,
  rowOfProfile,
  type UsersDeps,
} from '../accounts/lifecycle';
import type { NewUser, OperatorChange, OwnProfile } from '../accounts/model';
import { ownProfile } from '../accounts/service';
import * as store from '../accounts/store';
import { changesBetween, recordAct } from '../audit/service';
import { administratorGuard } from '../roles/administrator-guard';
import type { PeopleQuery } from './model';

export async function listUsers(deps: UsersDeps, query: PeopleQuery): Promise<Page<OwnProfile>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listUsers(deps.database, {
    query: query.query,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (user) => [user.id], ownProfile);
}

/** Registers somebody else, also while nobody can register themselves. */
export async function registerPerson(deps: UsersDeps, caller: Caller, input: NewUser): Promise<OwnProfile> {
  const user = await openAccount(deps, input, {
    roles: ['user'],
    actor: caller.id,
    record: (transaction, opened) =>
      recordAct(transaction, {
        actor: caller,
        action: 'user.registered',
        target: { type: 'user', id: opened.id },
        changes: changesBetween({}, { username: opened.username, email: opened.email, roles: ['user'] }),
      }),
  });
  return ownProfile(user);
}

/** Changes somebody's profile, or their right to sign in. @throws LastAdministrator */
export async function changePerson(
  deps: UsersDeps,
  caller: Caller,
  id: string,
  change: OperatorChange,
): Promise<OwnProfile> {
  const guard = await administratorGuard(deps.database);
  const changed = await inTransaction(deps.database, async (transaction) => {
    const before = await lockPerson(transaction, id);
    if (change.active === false) await guard(transaction, id);
    const row = {
      ...rowOfProfile(change),
      ...(change.active !== undefined && { active: change.active }),
    };
    const after = await changeAccount(transaction, id, row, caller.id);
    const changes = changesBetween(ownProfile(before), ownProfile(after));
    if (changes.length > 0)
      await recordAct(transaction, {
        actor: caller,
        action: 'user.changed',
        target: { type: 'user', id },
        changes,
      });
    return after;
  });
  deps.outbox.wake();
  return ownProfile(changed);
}

/** Erases somebody, everywhere. @throws LastAdministrator */
export async function erasePerson(deps: UsersDeps, caller: Caller, id: string): Promise<void> {
  const guard = await administratorGuard(deps.database);
  await inTransaction(deps.database, async (transaction) => {
    const user = await lockPerson(transaction, id);
    await guard(transaction, id);
    const { roles } = await store.findAuthorizations(transaction, id);
    await eraseAccount(transaction, user, caller.id);
    await recordAct(transaction, {
      actor: caller,
      action: 'user.erased',
      target: { type: 'user', id },
      changes: changesBetween({ active: user.active, roles }, {}),
    });
  });
  deps.outbox.wake();
}
