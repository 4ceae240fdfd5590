import { inArray } from 'drizzle-orm';
import type { Executor, Transaction } from '#kit/mysql/database';
import { mediaSizes } from '../schema';

export type SizeRow = typeof mediaSizes.$inferSelect;

export async function insertSizes(transaction: Transaction, rows: readonly SizeRow[]): Promise<void> {
  await transaction.insert(mediaSizes).values([...rows]);
}

/** The sizes of all versions of several files, smallest first. */
export async function findSizes(executor: Executor, mediaIds: readonly string[]): Promise<SizeRow[]> {
  if (mediaIds.length === 0) return [];
  return executor
    .select()
    .from(mediaSizes)
    .where(inArray(mediaSizes.mediaId, [...mediaIds]))
    .orderBy(mediaSizes.width);
}
