import { eq } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { CategoryNotFound } from './categories-model';
import { categories, media } from './schema';

export type CategoryRow = typeof categories.$inferSelect;

const AT_THE_TOP = '00000000-0000-0000-0000-000000000000';

/** @throws CategoryNotFound */
export async function mustExist(executor: Executor, id: string): Promise<CategoryRow> {
  const [row] = isUuid(id) ? await executor.select().from(categories).where(eq(categories.id, id)) : [];
  if (row === undefined) throw new CategoryNotFound();
  return row;
}

/** In the order of their paths: parents before what is below them. */
export async function listAll(executor: Executor): Promise<CategoryRow[]> {
  return executor.select().from(categories).orderBy(categories.level, categories.path);
}

/** All rows, locked: whoever changes the tree sees it whole and alone, so that no two moves make a circle together. */
export async function lockTree(transaction: Transaction): Promise<Map<string, CategoryRow>> {
  const rows = await transaction.select().from(categories).for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

export async function insertCategory(
  transaction: Transaction,
  row: Omit<CategoryRow, 'siblingsOf' | 'createdAt'>,
): Promise<void> {
  await transaction
    .insert(categories)
    .values({ ...row, siblingsOf: row.parentId ?? AT_THE_TOP, createdAt: DATABASE_NOW });
}

export async function updateCategory(
  transaction: Transaction,
  { id, ...row }: Pick<CategoryRow, 'id' | 'parentId' | 'title' | 'slug' | 'level' | 'path'>,
): Promise<void> {
  await transaction
    .update(categories)
    .set({ ...row, siblingsOf: row.parentId ?? AT_THE_TOP })
    .where(eq(categories.id, id));
}

/** Its files have no category then. */
export async function deleteCategory(transaction: Transaction, id: string): Promise<void> {
  await transaction.update(media).set({ categoryId: null }).where(eq(media.categoryId, id));
  await transaction.delete(categories).where(eq(categories.id, id));
}
