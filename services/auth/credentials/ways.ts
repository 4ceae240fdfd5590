import type { Transaction } from '#kit/mysql/database';
import type { AuthDeps } from '../deps';
import { listIdentities } from '../identities/store';
import { LastSignInMethod } from '../passkeys/model';
import { listPasskeys } from '../passkeys/store';
import type { CredentialsRow } from './store';

/**
 * Requires that a person can still sign in, after a passkey or a linked account was removed in the same transaction: with the
 * password, with a passkey, or with an account at a provider that is configured. The person's row must be locked.
 *
 * @throws LastSignInMethod
 */
export async function requireWayIn(
  { providers }: Pick<AuthDeps, 'providers'>,
  transaction: Transaction,
  { userId, passwordHash }: CredentialsRow,
): Promise<void> {
  if (passwordHash !== null) return;
  if ((await listPasskeys(transaction, userId, { afterId: null, limit: 1 })).length > 0) return;
  const linked = await listIdentities(transaction, userId);
  if (linked.some(({ provider }) => providers.list.some(({ name }) => name === provider))) return;
  throw new LastSignInMethod({ detail: 'Set a password first, with a reset link by mail for example.' });
}
