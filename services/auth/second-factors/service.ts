import type { Caller } from '#kit/auth/caller';
import type { Transaction } from '#kit/mysql/database';
import type { AuthDeps } from '../deps';
import { erasePasskeys } from '../passkeys/store';
import { changeFactors, type FactorDeps, newRecoveryCodes, removeFactor } from './changes';
import { type NewRecoveryCodes, NoSecondFactor, type SecondFactors, WrongSecondFactor } from './model';
import { hashRecoveryCode } from './rules';
import * as store from './store';

/** What the caller has set up. */
export async function readFactors(
  { database }: Pick<AuthDeps, 'database'>,
  caller: Caller,
): Promise<SecondFactors> {
  const { totpSince, passkeys, recoveryCodes } = await store.findFactors(database, caller.id);
  return {
    totp: totpSince === null ? null : { confirmed_at: totpSince.toISOString() },
    passkeys,
    recovery_codes: recoveryCodes,
  };
}

/** Makes new recovery codes in place of all earlier ones. @throws NoSecondFactor where they would stand in for nothing */
export async function replaceRecoveryCodes(deps: FactorDeps, caller: Caller): Promise<NewRecoveryCodes> {
  const recovery_codes = await changeFactors(deps, caller.id, {
    tell: 'recovery-codes-replaced',
    async run(transaction) {
      if (!store.hasFactor(await store.findFactors(transaction, caller.id))) throw new NoSecondFactor();
      return newRecoveryCodes(deps, transaction, caller.id);
    },
  });
  return { recovery_codes };
}

/** Uses a recovery code, and tells its owner: it may have been found. @throws WrongSecondFactor for a used one as well */
export const useRecoveryCode = (deps: FactorDeps, userId: string, typed: string): Promise<void> =>
  changeFactors(deps, userId, {
    tell: 'recovery-code-used',
    async run(transaction) {
      const used = { hash: hashRecoveryCode(typed), usedAt: new Date(deps.now()) };
      if (!(await store.takeRecoveryCode(transaction, userId, used))) throw new WrongSecondFactor();
    },
  });

/**
 * Removes all second factors of a person who has lost them, for an operator.
 *
 * @returns whether there were any
 */
export async function removeFactors(deps: FactorDeps, userId: string): Promise<boolean> {
  if (!store.hasFactor(await store.findFactors(deps.database, userId))) return false;
  await removeFactor(deps, userId, {
    tell: 'removed-by-operator',
    run: (transaction) => eraseFactors(transaction, userId),
  });
  return true;
}

/** Deletes all that is kept about the second factors of a person. */
export async function eraseFactors(transaction: Transaction, userId: string): Promise<void> {
  await store.deleteTotp(transaction, userId);
  await store.deleteRecoveryCodes(transaction, userId);
  await store.deletePendingOf(transaction, userId);
  await erasePasskeys(transaction, userId);
}
