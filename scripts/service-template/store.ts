import { and, desc, eq, lt } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database } from '#kit/mysql/database';
import { items } from './schema';

export type ItemRow = typeof items.$inferSelect;

/** Which item, and whose: nobody reaches an item of somebody else. */
export interface ItemKey {
  readonly id: string;
  readonly ownerId: string;
}

const matches = ({ id, ownerId }: ItemKey) => and(eq(items.id, id), eq(items.ownerId, ownerId));

export async function insertItem(database: Database, item: typeof items.$inferInsert): Promise<void> {
  await database.insert(items).values(item);
}

export async function findItem(database: Database, key: ItemKey): Promise<ItemRow | undefined> {
  if (!isUuid(key.id)) return undefined;
  const [item] = await database.select().from(items).where(matches(key));
  return item;
}

/** Somebody's items, newest first. */
export async function listItems(
  database: Database,
  request: { ownerId: string; beforeId: string | null; limit: number },
): Promise<ItemRow[]> {
  const { ownerId, beforeId, limit } = request;
  const older = beforeId === null || !isUuid(beforeId) ? undefined : lt(items.id, beforeId);
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

/** @returns false when there was none */
export async function deleteItem(database: Database, key: ItemKey): Promise<boolean> {
  if (!isUuid(key.id)) return false;
  const [result] = await database.delete(items).where(matches(key));
  return result.affectedRows > 0;
}

export async function deleteItemsOf(database: Database, ownerId: string): Promise<void> {
  await database.delete(items).where(eq(items.ownerId, ownerId));
}
