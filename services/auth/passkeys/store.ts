import { and, asc, eq, gt } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { passkeys } from '../schema';
import { eraseChallenges } from './challenges';

export type PasskeyRow = typeof passkeys.$inferSelect;

export async function insertPasskey(transaction: Transaction, passkey: PasskeyRow): Promise<void> {
  await transaction.insert(passkeys).values(passkey);
}

/** @param hash of the credential id */
export async function findByCredential(database: Database, hash: string): Promise<PasskeyRow | undefined> {
  const [row] = await database.select().from(passkeys).where(eq(passkeys.credentialHash, hash));
  return row;
}

/** A person's passkeys in the order in which they were registered. */
export const listPasskeys = (
  executor: Executor,
  userId: string,
  page: { afterId: string | null; limit: number },
): Promise<PasskeyRow[]> =>
  executor
    .select()
    .from(passkeys)
    .where(
      and(eq(passkeys.userId, userId), page.afterId === null ? undefined : gt(passkeys.id, page.afterId)),
    )
    .orderBy(asc(passkeys.id))
    .limit(page.limit);

export async function findOwn(
  executor: Executor,
  userId: string,
  id: string,
): Promise<PasskeyRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor
    .select()
    .from(passkeys)
    .where(and(eq(passkeys.id, id), eq(passkeys.userId, userId)));
  return row;
}

export async function rename(database: Database, id: string, name: string): Promise<void> {
  await database.update(passkeys).set({ name }).where(eq(passkeys.id, id));
}

/** Records a use. @returns whether the counter was still what the use was checked against */
export async function recordUse(
  database: Database,
  { id, counter }: Pick<PasskeyRow, 'id' | 'counter'>,
  use: Pick<PasskeyRow, 'counter' | 'backedUp' | 'lastUsedAt'>,
): Promise<boolean> {
  const [result] = await database
    .update(passkeys)
    .set(use)
    .where(and(eq(passkeys.id, id), eq(passkeys.counter, counter)));
  return result.affectedRows > 0;
}

export async function deletePasskey(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(passkeys).where(eq(passkeys.id, id));
}

/** Deletes a person's passkeys, and the challenges that they have not answered. */
export async function erasePasskeys(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(passkeys).where(eq(passkeys.userId, userId));
  await eraseChallenges(transaction, userId);
}
