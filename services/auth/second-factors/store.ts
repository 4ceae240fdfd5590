import { and, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { credentials, passkeys, pendingSignIns, recoveryCodes, totpSecrets } from '../schema';

export type TotpRow = typeof totpSecrets.$inferSelect;
export type PendingRow = typeof pendingSignIns.$inferSelect;

/** The second factors of a person. */
export interface Factors {
  /** When the authenticator app was confirmed. */
  readonly totpSince: Date | null;
  readonly passkeys: number;
  /** Unused. They are no factor of their own: they stand in for one that is lost. */
  readonly recoveryCodes: number;
}

export async function findFactors(executor: Executor, userId: string): Promise<Factors> {
  const [found] = await executor
    .select({
      totpSince: totpSecrets.confirmedAt,
      passkeys: sql<number>`(select count(*) from ${passkeys} where ${passkeys.userId} = ${credentials.userId})`,
      recoveryCodes: sql<number>`(select count(*) from ${recoveryCodes} where ${recoveryCodes.userId} = ${credentials.userId} and ${recoveryCodes.usedAt} is null)`,
    })
    .from(credentials)
    .leftJoin(totpSecrets, eq(totpSecrets.userId, credentials.userId))
    .where(eq(credentials.userId, userId));
  return {
    totpSince: found?.totpSince ?? null,
    passkeys: Number(found?.passkeys ?? 0),
    recoveryCodes: Number(found?.recoveryCodes ?? 0),
  };
}

export const hasFactor = ({ totpSince, passkeys }: Factors): boolean => totpSince !== null || passkeys > 0;

export async function findTotp(executor: Executor, userId: string): Promise<TotpRow | undefined> {
  const [row] = await executor.select().from(totpSecrets).where(eq(totpSecrets.userId, userId));
  return row;
}

/** Stores a secret that is no factor yet, in place of one that has not become one. */
export async function replaceUnconfirmedTotp(
  transaction: Transaction,
  secret: Pick<TotpRow, 'userId' | 'sealedSecret' | 'createdAt'>,
): Promise<void> {
  await transaction
    .delete(totpSecrets)
    .where(and(eq(totpSecrets.userId, secret.userId), isNull(totpSecrets.confirmedAt)));
  await transaction.insert(totpSecrets).values({ ...secret, confirmedAt: null, lastStep: 0 });
}

/** Makes a secret a factor. @param lastStep of the code that has confirmed it */
export async function confirmTotp(
  transaction: Transaction,
  userId: string,
  { confirmedAt, lastStep }: { confirmedAt: Date; lastStep: number },
): Promise<void> {
  await transaction
    .update(totpSecrets)
    .set({ confirmedAt, lastStep })
    .where(and(eq(totpSecrets.userId, userId), isNull(totpSecrets.confirmedAt)));
}

/** Uses the code of a time step. Two at the same time cannot both. @returns whether it was unused */
export async function takeTotpStep(database: Database, userId: string, step: number): Promise<boolean> {
  const [result] = await database
    .update(totpSecrets)
    .set({ lastStep: step })
    .where(
      and(eq(totpSecrets.userId, userId), isNotNull(totpSecrets.confirmedAt), lt(totpSecrets.lastStep, step)),
    );
  return result.affectedRows > 0;
}

export async function deleteTotp(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(totpSecrets).where(eq(totpSecrets.userId, userId));
}

/** Stores new codes in place of all earlier ones. */
export async function replaceRecoveryCodes(
  transaction: Transaction,
  userId: string,
  { hashes, createdAt }: { hashes: readonly string[]; createdAt: Date },
): Promise<void> {
  await deleteRecoveryCodes(transaction, userId);
  await transaction
    .insert(recoveryCodes)
    .values(hashes.map((hash) => ({ userId, hash, createdAt, usedAt: null })));
}

/** Uses a code. Two at the same time cannot both. @returns whether it was there and unused */
export async function takeRecoveryCode(
  transaction: Transaction,
  userId: string,
  { hash, usedAt }: { hash: string; usedAt: Date },
): Promise<boolean> {
  const [result] = await transaction
    .update(recoveryCodes)
    .set({ usedAt })
    .where(and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.hash, hash), isNull(recoveryCodes.usedAt)));
  return result.affectedRows > 0;
}

export async function deleteRecoveryCodes(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
}

export async function insertPending(database: Database, row: PendingRow): Promise<void> {
  await database.insert(pendingSignIns).values(row);
}

export async function findPending(
  database: Database,
  hash: string,
  now: Date,
): Promise<PendingRow | undefined> {
  const [row] = await database.select().from(pendingSignIns).where(eq(pendingSignIns.hash, hash));
  return row !== undefined && row.expiresAt > now ? row : undefined;
}

/** Ends a pending sign-in. Two at the same time cannot both. @returns whether it was pending */
export async function deletePending(database: Database, hash: string): Promise<boolean> {
  const [result] = await database.delete(pendingSignIns).where(eq(pendingSignIns.hash, hash));
  return result.affectedRows > 0;
}

export async function deletePendingOf(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(pendingSignIns).where(eq(pendingSignIns.userId, userId));
}

/** Deletes up to `limit` pending sign-ins that have expired. @returns the number deleted */
export async function deleteExpiredPending(database: Database, now: Date, limit: number): Promise<number> {
  const [result] = await database
    .delete(pendingSignIns)
    .where(lt(pendingSignIns.expiresAt, now))
    .limit(limit);
  return result.affectedRows;
}
