import type { Caller } from '#kit/auth/caller';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import {
  changeAccount,
  credentialsOf,
  emailOf,
  lockPerson,
  offerCredentials,
  openAccount,
  type PreparedPassword,
  preparePassword,
  type UsersDeps,
} from '../accounts/lifecycle';
import { UserNotFound } from '../accounts/model';
import * as store from '../accounts/store';
import { changesBetween, recordAct } from '../audit/service';
import { administratorGuard } from '../roles/administrator-guard';
import { replaceRoles } from '../roles/authorizations';
import { ADMINISTRATOR, normalizeEmail } from '../roles/rules';
import type { Account, AccountChange, NewAccount, PeopleQuery } from './model';

export async function listAccounts(deps: UsersDeps, query: PeopleQuery): Promise<Page<Account>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listUsers(deps.database, {
    query: query.query,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  const authorizationsOf = await store.findAuthorizationsOf(
    deps.database,
    rows.map((user) => user.id),
  );
  return toPage(
    rows,
    limit,
    (user) => [user.id],
    (user) => accountOf(user, authorizationsOf(user.id)),
  );
}

export async function readAccount(deps: UsersDeps, id: string): Promise<Account> {
  const user = await store.findById(deps.database, id);
  if (user === undefined) throw new UserNotFound();
  return accountOf(user, await store.findAuthorizations(deps.database, id));
}

/** Opens an account for somebody, also while nobody can register themselves. */
export async function createAccount(deps: UsersDeps, caller: Caller, input: NewAccount): Promise<Account> {
  const { active = true, superuser = false, ...person } = input;
  const roles = superuser ? [ADMINISTRATOR, 'user'] : ['user'];
  const user = await openAccount(deps, person, {
    roles,
    active,
    actor: caller.id,
    record: (transaction, { id, username, email }) =>
      recordAct(transaction, {
        actor: caller,
        action: 'user.registered',
        target: { type: 'user', id },
        changes: changesBetween({}, { username, email, active, roles }),
      }),
  });
  return accountOf(user, { roles });
}

/**
 * Changes what somebody signs in with, whether they may, and whether they are an administrator; what is left out stays.
 * A new password ends all of the person's sessions.
 *
 * @throws LastAdministrator
 */
export async function changeAccountAuth(
  deps: UsersDeps,
  caller: Caller,
  id: string,
  change: AccountChange,
): Promise<Account> {
  const guard = await administratorGuard(deps.database);
  const password = change.password === undefined ? undefined : await preparePassword(deps, change.password);
  const { user, account } = await inTransaction(deps.database, async (transaction) => {
    const before = await lockPerson(transaction, id);
    if (change.active === false || change.superuser === false) await guard(transaction, id);
    const user = await changeSignIn(transaction, { before, change, password, actor: caller.id });
    const roles = await replaceRoles(transaction, id, {
      wanted: (held) => withSuperuser(held, change.superuser),
      actor: caller.id,
    });
    const account = accountOf(user, roles.after);
    await recordChange(transaction, caller, {
      before: accountOf(before, roles.before),
      after: account,
      password: password !== undefined,
    });
    return { user, account };
  });
  deps.outbox.wake();
  if (password !== undefined) await offerCredentials(deps, user, password);
  return account;
}

async function changeSignIn(
  transaction: Transaction,
  request: {
    before: store.UserRow;
    change: AccountChange;
    password: PreparedPassword | undefined;
    actor: string;
  },
): Promise<store.UserRow> {
  const { before, change, password, actor } = request;
  const email = change.email === undefined ? before.email : normalizeEmail(change.email);
  const active = change.active ?? before.active;
  if (password === undefined && email === before.email && active === before.active) return before;
  const user = await changeAccount(transaction, before.id, { email, active }, actor);
  if (password !== undefined) await writeOutbox(transaction, [credentialsOf(user, password, actor)]);
  else if (email !== before.email) await writeOutbox(transaction, [emailOf(user, actor)]);
  return user;
}

function withSuperuser(held: readonly string[], superuser: boolean | undefined): readonly string[] {
  if (superuser === undefined) return held;
  const others = held.filter((role) => role !== ADMINISTRATOR);
  return superuser ? [...others, ADMINISTRATOR] : others;
}

async function recordChange(
  transaction: Transaction,
  caller: Caller,
  { before, after, password }: { before: Account; after: Account; password: boolean },
): Promise<void> {
  const changes = changesBetween(auditable(before), auditable(after));
  if (password) changes.push({ field: 'password' });
  if (changes.length === 0) return;
  await recordAct(transaction, {
    actor: caller,
    action: 'user.changed',
    target: { type: 'user', id: after.user_id },
    changes,
  });
}

const auditable = ({ email, active, roles }: Account) => ({ email, active, roles });

const accountOf = (user: store.UserRow, { roles }: Pick<store.Authorizations, 'roles'>): Account => ({
  user_id: user.id,
  username: user.username,
  email: user.email,
  active: user.active,
  superuser: roles.includes(ADMINISTRATOR),
  roles: [...roles],
  created_at: user.createdAt.toISOString(),
});
