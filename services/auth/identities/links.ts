import { Unauthenticated } from '#kit/errors/problem';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { type CredentialsRow, lockByUserId } from '../credentials/store';
import { requireWayIn } from '../credentials/ways';
import type { AuthDeps } from '../deps';
import type { ForeignAccount } from './account';
import { tellIdentityChange } from './mails';
import { type Identity, IdentityNotFound, IdentityTaken, ProviderLinked } from './model';
import * as store from './store';

type LinkDeps = Pick<AuthDeps, 'database' | 'outbox' | 'now' | 'providers'>;

/** The accounts at other providers that a person signs in with. */
export async function listLinked(
  { database, providers }: Pick<AuthDeps, 'database' | 'providers'>,
  userId: string,
): Promise<Identity[]> {
  const rows = await store.listIdentities(database, userId);
  return rows.map((row) => ({
    provider: row.provider,
    provider_name: labelOf(providers, row.provider),
    account: row.label,
    linked_at: row.linkedAt.toISOString(),
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
  }));
}

/**
 * Links an account at another provider to a person, who has shown to own both. Doing it again changes nothing.
 *
 * @throws IdentityTaken, ProviderLinked
 * @throws Unauthenticated when the person has been erased
 */
export async function link(deps: LinkDeps, userId: string, account: ForeignAccount): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await lockPerson(transaction, userId);
    const linked = await store.listIdentities(transaction, userId);
    const same = linked.find(({ provider }) => provider === account.provider);
    if (same?.subject === account.subject) return;
    if (same !== undefined) throw new ProviderLinked({ detail: 'Remove the one that is linked first.' });
    const at = new Date(deps.now());
    await insertLink(transaction, userId, account, { linkedAt: at, lastUsedAt: null });
    const provider = labelOf(deps.providers, account.provider);
    await tellIdentityChange(transaction, userId, { change: 'linked', provider, at });
  });
  deps.outbox.wake();
}

/** Links the account that a person was registered with: nobody needs to be told. @throws IdentityTaken, Unauthenticated */
export async function linkRegistered(
  { database, now }: Pick<AuthDeps, 'database' | 'now'>,
  userId: string,
  account: ForeignAccount,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockPerson(transaction, userId);
    const at = new Date(now());
    await insertLink(transaction, userId, account, { linkedAt: at, lastUsedAt: at });
  });
}

/**
 * Removes the link to an account at a provider. Sessions go on.
 *
 * @throws IdentityNotFound
 * @throws LastSignInMethod
 * @throws Unauthenticated when the person has been erased
 */
export async function unlink(deps: LinkDeps, userId: string, provider: string): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const person = await lockPerson(transaction, userId);
    const linked = await store.listIdentities(transaction, userId);
    if (!linked.some((one) => one.provider === provider)) throw new IdentityNotFound();
    await store.deleteIdentity(transaction, userId, provider);
    await requireWayIn(deps, transaction, person);
    await tellIdentityChange(transaction, userId, {
      change: 'unlinked',
      provider: labelOf(deps.providers, provider),
      at: new Date(deps.now()),
    });
  });
  deps.outbox.wake();
}

/** Serializes the changes of a person's ways to sign in. */
async function lockPerson(transaction: Transaction, userId: string): Promise<CredentialsRow> {
  const person = await lockByUserId(transaction, userId);
  if (person === undefined || person.erasedAt !== null) throw new Unauthenticated();
  return person;
}

async function insertLink(
  transaction: Transaction,
  userId: string,
  { provider, subject, label }: ForeignAccount,
  times: Pick<store.IdentityRow, 'linkedAt' | 'lastUsedAt'>,
): Promise<void> {
  try {
    await store.insertIdentity(transaction, { provider, subject, label, userId, ...times });
  } catch (failure) {
    if (!isDuplicate(failure)) throw failure;
    throw new IdentityTaken({ detail: 'Remove the link there first.', cause: failure });
  }
}

/** A provider that is not configured any more goes by its name. */
const labelOf = ({ list }: AuthDeps['providers'], name: string): string =>
  list.find((provider) => provider.name === name)?.label ?? name;
