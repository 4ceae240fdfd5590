import { and, desc, eq, lt } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database, Executor } from '#kit/mysql/database';
import { items } from './schema';

export type ItemRow = typeof items.$inferSelect;

/** The owner is part of every query, so that no item of another user is ever read or changed. */
export interface ItemKey {
  readonly id: string;
  readonly ownerId: string;
}

const matches = ({ id, ownerId }: ItemKey) => and(eq(items.id, id), eq(items.ownerId, ownerId));

export async function insertItem(executor: Executor, item: typeof items.$inferInsert): Promise<void> {
  await executor.insert(items).values(item);
}

export async function findItem(executor: Executor, key: ItemKey): Promise<ItemRow | undefined> {
  if (!isUuid(key.id)) return undefined;
  const [item] = await executor.select().from(items).where(matches(key));
  return item;
}

/** Items of an owner, newest first. */
export async function listItems(
  database: Database,
  request: { ownerId: string; beforeId: string | null; limit: number },
): Promise<ItemRow[]> {
  const { ownerId, beforeId, limit } = request;
  const older = beforeId === null ? undefined : lt(items.id, beforeId);
  return database
    .select()
    .from(items)
    .where(and(eq(items.ownerId, ownerId), older))
    .orderBy(desc(items.id))
    .limit(limit);
}

export async function renameItem(database: Database, key: ItemKey, name: string): Promise<void> {
  await database.update(items).set({ name }).where(matches(key));
}

/** @returns false when the item does not exist */
export async function deleteItem(database: Database, key: ItemKey): Promise<boolean> {
  if (!isUuid(key.id)) return false;
  const [result] = await database.delete(items).where(matches(key));
  return result.affectedRows > 0;
}

export async function deleteItemsOf(database: Database, ownerId: string): Promise<void> {
  await database.delete(items).where(eq(items.ownerId, ownerId));
}
