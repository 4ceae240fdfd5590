import { eq, inArray } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { signingKeys } from '../schema';

export type SigningKeyRow = typeof signingKeys.$inferSelect;

export const listKeys = (database: Database, algorithm: string): Promise<SigningKeyRow[]> =>
  database.select().from(signingKeys).where(eq(signingKeys.algorithm, algorithm));

/** Inserts a key unless another instance has already inserted one of this generation. */
export async function insertMissingKey(database: Database, key: SigningKeyRow): Promise<void> {
  await database.insert(signingKeys).ignore().values(key);
}

export async function deleteKeys(database: Database, kids: readonly string[]): Promise<void> {
  if (kids.length === 0) return;
  await database.delete(signingKeys).where(inArray(signingKeys.kid, [...kids]));
}
