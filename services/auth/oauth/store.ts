import { and, desc, eq, inArray, isNull, lt } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { appTokens, authorizationCodes, deviceCodes, sessions } from '../schema';

export type CodeRow = typeof authorizationCodes.$inferSelect;
export type DeviceCodeRow = typeof deviceCodes.$inferSelect;
export type AppTokenRow = typeof appTokens.$inferSelect;

export async function insertCode(transaction: Transaction, code: CodeRow): Promise<void> {
  await transaction.insert(authorizationCodes).values(code);
}

export async function findCode(executor: Executor, hash: string): Promise<CodeRow | undefined> {
  const [code] = await executor.select().from(authorizationCodes).where(eq(authorizationCodes.hash, hash));
  return code;
}

/** @returns whether it was not used before */
export async function useCode(transaction: Transaction, hash: string, sessionId: string): Promise<boolean> {
  const [result] = await transaction
    .update(authorizationCodes)
    .set({ sessionId })
    .where(and(eq(authorizationCodes.hash, hash), isNull(authorizationCodes.sessionId)));
  return result.affectedRows > 0;
}

export async function insertDeviceCode(executor: Executor, code: DeviceCodeRow): Promise<void> {
  await executor.insert(deviceCodes).values(code);
}

export async function lockDeviceCode(
  transaction: Transaction,
  hash: string,
): Promise<DeviceCodeRow | undefined> {
  const [code] = await transaction.select().from(deviceCodes).where(eq(deviceCodes.hash, hash)).for('update');
  return code;
}

export async function findUserCode(executor: Executor, userCode: string): Promise<DeviceCodeRow | undefined> {
  const [code] = await executor.select().from(deviceCodes).where(eq(deviceCodes.userCode, userCode));
  return code;
}

export async function updateDeviceCode(
  transaction: Transaction,
  hash: string,
  change: Partial<Omit<DeviceCodeRow, 'hash'>>,
): Promise<void> {
  await transaction.update(deviceCodes).set(change).where(eq(deviceCodes.hash, hash));
}

/** Decides about a device that nobody has decided about. @returns whether it was so */
export async function decideDeviceCode(
  transaction: Transaction,
  hash: string,
  decision: Pick<DeviceCodeRow, 'status' | 'userId' | 'signedInAt' | 'methods'>,
): Promise<boolean> {
  const [result] = await transaction
    .update(deviceCodes)
    .set(decision)
    .where(and(eq(deviceCodes.hash, hash), eq(deviceCodes.status, 'pending')));
  return result.affectedRows > 0;
}

export async function insertAppToken(executor: Executor, token: AppTokenRow): Promise<void> {
  await executor.insert(appTokens).values(token);
}

/** Deletes the oldest tokens that an app has of its own, but for the newest `keep`. */
export async function deleteOldOwnTokens(database: Database, appId: string, keep: number): Promise<void> {
  const old = await database
    .select({ hash: appTokens.hash })
    .from(appTokens)
    .where(and(eq(appTokens.appId, appId), isNull(appTokens.sessionId)))
    .orderBy(desc(appTokens.id))
    .limit(keep)
    .offset(keep);
  const hashes = old.map(({ hash }) => hash);
  if (hashes.length > 0) await database.delete(appTokens).where(inArray(appTokens.hash, hashes));
}

/** Deletes the tokens of sessions that are deleted. */
export async function deleteTokensOfSessions(
  transaction: Transaction,
  sessionIds: readonly string[],
): Promise<void> {
  if (sessionIds.length === 0) return;
  await transaction.delete(appTokens).where(inArray(appTokens.sessionId, [...sessionIds]));
}

/** Deletes the codes that a person has given out, to be exchanged or on a device. */
export async function deleteGrantsOf(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(authorizationCodes).where(eq(authorizationCodes.userId, userId));
  await transaction.delete(deviceCodes).where(eq(deviceCodes.userId, userId));
}

/** The same, for one app. */
export async function deleteGrantsToApp(
  transaction: Transaction,
  userId: string,
  appId: string,
): Promise<void> {
  await transaction
    .delete(authorizationCodes)
    .where(and(eq(authorizationCodes.userId, userId), eq(authorizationCodes.appId, appId)));
  await transaction
    .delete(deviceCodes)
    .where(and(eq(deviceCodes.userId, userId), eq(deviceCodes.appId, appId)));
}

/** Deletes a person's tokens of apps. */
export async function eraseAppTokens(transaction: Transaction, userId: string): Promise<void> {
  const own = transaction.select({ id: sessions.id }).from(sessions).where(eq(sessions.userId, userId));
  await transaction.delete(appTokens).where(inArray(appTokens.sessionId, own));
}

/** Deletes up to `limit` rows of each kind that expired before a moment. @returns the number deleted of each */
export async function deleteExpiredGrants(
  database: Database,
  before: Date,
  limit: number,
): Promise<number[]> {
  const [codes] = await database
    .delete(authorizationCodes)
    .where(lt(authorizationCodes.expiresAt, before))
    .limit(limit);
  const [devices] = await database.delete(deviceCodes).where(lt(deviceCodes.expiresAt, before)).limit(limit);
  const [tokens] = await database.delete(appTokens).where(lt(appTokens.expiresAt, before)).limit(limit);
  return [codes, devices, tokens].map(({ affectedRows }) => affectedRows);
}
