import { eq, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { mediaUsage } from '../schema';

/** Bytes of all of an owner's versions. */
export async function readUsage(executor: Executor, ownerId: string): Promise<number> {
  const [row] = await executor.select().from(mediaUsage).where(eq(mediaUsage.ownerId, ownerId));
  return row?.bytes ?? 0;
}

/** Locks the owner's usage. @returns the new one */
export async function addUsage(transaction: Transaction, ownerId: string, bytes: number): Promise<number> {
  await transaction
    .insert(mediaUsage)
    .values({ ownerId, bytes })
    .onDuplicateKeyUpdate({ set: { bytes: sql`${mediaUsage.bytes} + ${bytes}` } });
  return readUsage(transaction, ownerId);
}

export async function subtractUsage(transaction: Transaction, ownerId: string, bytes: number): Promise<void> {
  await transaction
    .update(mediaUsage)
    .set({ bytes: sql`greatest(${mediaUsage.bytes}, ${bytes}) - ${bytes}` })
    .where(eq(mediaUsage.ownerId, ownerId));
}

export async function deleteUsage(database: Database, ownerId: string): Promise<void> {
  await database.delete(mediaUsage).where(eq(mediaUsage.ownerId, ownerId));
}
