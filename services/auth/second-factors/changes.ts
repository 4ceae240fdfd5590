import type { FactorChange } from '#contracts/events/mail';
import { Unauthenticated } from '#kit/errors/problem';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { type CredentialsRow, lockByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { tellFactorChange } from './mails';
import { createRecoveryCode, hashRecoveryCode, RECOVERY_CODES } from './rules';
import * as store from './store';

export type FactorDeps = Pick<AuthDeps, 'database' | 'outbox' | 'now'>;

/** What changes with a person's factors, while the person's row is locked. */
interface Change<Result> {
  readonly tell: FactorChange;
  run(transaction: Transaction, person: CredentialsRow): Promise<Result>;
}

/**
 * Adds a second factor. With the first one come recovery codes: whoever loses it has a way in.
 *
 * @returns the codes; null where there are some already
 * @throws Unauthenticated when the account has been erased
 */
export async function addFactor(
  deps: FactorDeps,
  userId: string,
  { tell, run }: Change<void>,
): Promise<string[] | null> {
  return changeFactors(deps, userId, {
    tell,
    async run(transaction, person) {
      const isFirst = !store.hasFactor(await store.findFactors(transaction, userId));
      await run(transaction, person);
      return isFirst ? newRecoveryCodes(deps, transaction, userId) : null;
    },
  });
}

/** Removes a second factor; with the last one the recovery codes go. @throws Unauthenticated */
export async function removeFactor(
  deps: FactorDeps,
  userId: string,
  { tell, run }: Change<void>,
): Promise<void> {
  await changeFactors(deps, userId, {
    tell,
    async run(transaction, person) {
      await run(transaction, person);
      if (!store.hasFactor(await store.findFactors(transaction, userId)))
        await store.deleteRecoveryCodes(transaction, userId);
    },
  });
}

/** Changes something about a person's factors, and tells the person. @throws Unauthenticated */
export async function changeFactors<Result>(
  deps: FactorDeps,
  userId: string,
  { tell, run }: Change<Result>,
): Promise<Result> {
  const result = await inTransaction(deps.database, async (transaction) => {
    // A password sign-in locks the row as well: it sees the factors of before or those of afterwards.
    const person = await lockByUserId(transaction, userId);
    if (person === undefined || person.erasedAt !== null) throw new Unauthenticated();
    const changed = await run(transaction, person);
    await tellFactorChange(transaction, userId, { change: tell, at: new Date(deps.now()) });
    return changed;
  });
  deps.outbox.wake();
  return result;
}

/** Makes recovery codes in place of all earlier ones. @returns the only copy of them */
export async function newRecoveryCodes(
  { now }: Pick<AuthDeps, 'now'>,
  transaction: Transaction,
  userId: string,
): Promise<string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, createRecoveryCode);
  const hashes = codes.map(hashRecoveryCode);
  await store.replaceRecoveryCodes(transaction, userId, { hashes, createdAt: new Date(now()) });
  return codes;
}
