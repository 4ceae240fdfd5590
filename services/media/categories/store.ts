import { eq } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { categories, media } from '../schema';
import { CategoryNotFound } from './model';

export type CategoryRow = typeof categories.$inferSelect;

/** The parent of top-level categories in the unique index. */
const TOP_LEVEL = '00000000-0000-0000-0000-000000000000';

/** @throws CategoryNotFound */
export async function findCategory(executor: Executor, id: string): Promise<CategoryRow | undefined> {
  const [row] = isUuid(id) ? await executor.select().from(categories).where(eq(categories.id, id)) : [];
  return row;
}

export async function requireCategory(executor: Executor, id: string): Promise<CategoryRow> {
  const row = await findCategory(executor, id);
  if (row === undefined) throw new CategoryNotFound();
  return row;
}

/** By level and path: parents before their subcategories. */
export async function listCategories(executor: Executor): Promise<CategoryRow[]> {
  return executor.select().from(categories).orderBy(categories.level, categories.path);
}

/** All rows, locked: changes of the tree are serialized, so that two concurrent moves cannot form a cycle. */
export async function lockTree(transaction: Transaction): Promise<Map<string, CategoryRow>> {
  const rows = await transaction.select().from(categories).for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

export async function insertCategory(
  transaction: Transaction,
  row: Omit<CategoryRow, 'siblingsOf' | 'createdAt'> & Partial<Pick<CategoryRow, 'createdAt'>>,
): Promise<void> {
  await transaction
    .insert(categories)
    .values({ createdAt: DATABASE_NOW, ...row, siblingsOf: row.parentId ?? TOP_LEVEL });
}

export async function updateCategory(
  transaction: Transaction,
  { id, ...row }: Pick<CategoryRow, 'id' | 'parentId' | 'title' | 'slug' | 'level' | 'path'>,
): Promise<void> {
  await transaction
    .update(categories)
    .set({ ...row, siblingsOf: row.parentId ?? TOP_LEVEL })
    .where(eq(categories.id, id));
}

/** Its files are left without a category. */
export async function deleteCategory(transaction: Transaction, id: string): Promise<void> {
  await transaction.update(media).set({ categoryId: null }).where(eq(media.categoryId, id));
  await transaction.delete(categories).where(eq(categories.id, id));
}
