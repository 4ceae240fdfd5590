import type { Caller } from '#kit/auth/caller';
import type { RequestLifetime, Turn } from '#kit/core/queues/work-queue';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { type PreparedPassword, preparePassword, sendCredentials, turnOf } from '../accounts/credentials';
import { credentialsSet, emailSet } from '../accounts/events';
import { changeUser, createUser, emailColumns, lockUser } from '../accounts/lifecycle';
import { requireUser } from '../accounts/service';
import { listUsers, type UserRow } from '../accounts/store';
import { isDeliverable, sendVerification, tellFormerAddress } from '../addresses/mails';
import { changesBetween, recordAction } from '../audit/service';
import type { UsersDeps } from '../deps';
import { administratorGuard } from '../roles/administrator-guard';
import { type Authorizations, findAuthorizations, findAuthorizationsOf } from '../roles/assignments-store';
import { requireAuthorityOver, requireAuthorityToAssign } from '../roles/authority';
import { replaceRoles } from '../roles/authorizations';
import { ADMINISTRATOR } from '../roles/rules';
import type { Account, AccountChange, NewAccount, UserQuery } from './model';

export async function listAccounts(deps: UsersDeps, query: UserQuery): Promise<Page<Account>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await listUsers(deps.database, {
    query: query.query,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  const authorizationsOf = await findAuthorizationsOf(
    deps.database,
    rows.map((user) => user.id),
  );
  return toPage(
    rows,
    limit,
    (user) => [user.id],
    (user) => accountView(user, authorizationsOf(user.id)),
  );
}

export async function readAccount(deps: UsersDeps, id: string): Promise<Account> {
  const user = await requireUser(deps, id);
  return accountView(user, await findAuthorizations(deps.database, id));
}

/**
 * Creates an account on behalf of an administrator, even while registration is closed, also one with a reserved name.
 *
 * @throws ExceedsOwnPermissions
 */
export async function createAccount(
  deps: UsersDeps,
  caller: Caller,
  input: NewAccount,
  lifetime: RequestLifetime,
): Promise<Account> {
  const { active = true, superuser = false, ...newUser } = input;
  const roles = superuser ? [ADMINISTRATOR, 'user'] : ['user'];
  await requireAuthorityToAssign(deps.database, caller, roles);
  const user = await createUser(deps, newUser, {
    roles,
    active,
    actor: caller.id,
    turn: turnOf(caller, lifetime),
    isOfficial: true,
    record: (transaction, { id, username, email }) =>
      recordAction(transaction, {
        actor: caller,
        action: 'user.registered',
        target: { type: 'user', id },
        changes: changesBetween({}, { username, email, active, roles }),
      }),
  });
  return accountView(user, { roles });
}

/**
 * Changes the email address, the password, the activation or the administrator role; omitted fields are unchanged.
 * A new password ends all sessions of the user.
 *
 * @throws ExceedsOwnPermissions
 * @throws LastAdministrator
 */
export async function updateAccount(
  deps: UsersDeps,
  caller: Caller,
  id: string,
  { change, lifetime }: { change: AccountChange; lifetime: RequestLifetime },
): Promise<Account> {
  await requireAuthorityOver(deps.database, caller, id);
  if (change.superuser === true) await requireAuthorityToAssign(deps.database, caller, [ADMINISTRATOR]);
  const guard = await administratorGuard(deps.database);
  const password = await prepareFor(deps, id, change, turnOf(caller, lifetime));
  const { user, account } = await inTransaction(deps.database, async (transaction) => {
    const before = await lockUser(transaction, id);
    if (change.active === false || change.superuser === false) await guard(transaction, id);
    const user = await changeSignIn(transaction, deps, { before, change, password, actor: caller.id });
    const roles = await replaceRoles(transaction, id, {
      wanted: (current) => withSuperuser(current, change.superuser),
      actor: caller.id,
    });
    const account = accountView(user, roles.after);
    await recordChange(transaction, caller, {
      before: accountView(before, roles.before),
      after: account,
      password: password !== undefined,
    });
    return { user, account };
  });
  deps.outbox.wake();
  if (password !== undefined) await sendCredentials(deps, user, password);
  return account;
}

/** @throws UserNotFound, ValidationFailed */
async function prepareFor(
  deps: UsersDeps,
  id: string,
  { password, email }: AccountChange,
  turn: Turn,
): Promise<PreparedPassword | undefined> {
  if (password === undefined) return undefined;
  const user = await requireUser(deps, id);
  const names = [user.username, user.email, email];
  return preparePassword(deps, { password, field: 'password', names }, turn);
}

async function changeSignIn(
  transaction: Transaction,
  deps: UsersDeps,
  request: {
    before: UserRow;
    change: AccountChange;
    password: PreparedPassword | undefined;
    actor: string;
  },
): Promise<UserRow> {
  const { before, change, password, actor } = request;
  const email = change.email === undefined ? undefined : emailColumns(change.email);
  const moved = email !== undefined && email.email !== before.email;
  const active = change.active ?? before.active;
  const verification = verificationColumns(before, { moved, verified: change.email_verified });
  const isSame = !moved && active === before.active && verification === undefined;
  if (password === undefined && isSame) return before;
  const user = await changeUser(transaction, before.id, { ...email, ...verification, active }, actor);
  if (moved) await tellFormerAddress(transaction, before);
  if (moved && user.emailVerifiedAt === null && isDeliverable(user.email))
    await sendVerification(transaction, deps, { userId: user.id, address: user.email });
  if (password !== undefined) await writeOutbox(transaction, [credentialsSet(user, password, actor)]);
  else if (moved) await writeOutbox(transaction, [emailSet(user, actor)]);
  return user;
}

/** A new address is not verified unless the operator vouches for it. @returns undefined where nothing changes */
function verificationColumns(
  before: UserRow,
  { moved, verified }: { moved: boolean; verified: boolean | undefined },
): { emailVerifiedAt: Date | null; pendingEmail?: null } | undefined {
  if (moved) return { emailVerifiedAt: verified ? new Date() : null, pendingEmail: null };
  if (verified === undefined || verified === (before.emailVerifiedAt !== null)) return undefined;
  return { emailVerifiedAt: verified ? new Date() : null };
}

function withSuperuser(roles: readonly string[], superuser: boolean | undefined): readonly string[] {
  if (superuser === undefined) return roles;
  const others = roles.filter((role) => role !== ADMINISTRATOR);
  return superuser ? [...others, ADMINISTRATOR] : others;
}

async function recordChange(
  transaction: Transaction,
  caller: Caller,
  { before, after, password }: { before: Account; after: Account; password: boolean },
): Promise<void> {
  const changes = changesBetween(auditedFields(before), auditedFields(after));
  if (password) changes.push({ field: 'password' });
  if (changes.length === 0) return;
  await recordAction(transaction, {
    actor: caller,
    action: 'user.changed',
    target: { type: 'user', id: after.user_id },
    changes,
  });
}

const auditedFields = ({ email, email_verified, active, roles }: Account) => ({
  email,
  email_verified,
  active,
  roles,
});

const accountView = (user: UserRow, { roles }: Pick<Authorizations, 'roles'>): Account => ({
  user_id: user.id,
  username: user.username,
  email: user.email,
  email_verified: user.emailVerifiedAt !== null,
  active: user.active,
  superuser: roles.includes(ADMINISTRATOR),
  roles: [...roles],
  created_at: user.createdAt.toISOString(),
});
