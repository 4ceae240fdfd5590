import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import {
  type Category,
  type CategoryChange,
  CategoryCycle,
  CategoryNotEmpty,
  CategoryNotFound,
  CategoryTooDeep,
  type CategoryTree,
  type NewCategory,
  TooManyCategories,
} from './categories-model';
import * as store from './categories-store';
import { slugOf } from './rules';

interface CategoriesDeps {
  readonly database: Database;
}

type Tree = ReadonlyMap<string, store.CategoryRow>;

/** Each change locks and reads them all. */
const MOST_CATEGORIES = 1_000;
const MOST_LEVELS = 8;

export async function createCategory(
  { database }: CategoriesDeps,
  input: NewCategory,
  caller: Caller,
): Promise<Category> {
  const id = uuidv7();
  await inTransaction(database, async (transaction) => {
    const tree = await store.lockTree(transaction);
    if (tree.size >= MOST_CATEGORIES) throw new TooManyCategories();
    const parent = parentIn(tree, input.parent_id ?? null);
    const title = input.title.trim();
    const slug = freeSlug(tree, { id, title, parentId: parent?.id ?? null });
    const category = { id, title, parentId: parent?.id ?? null, slug, createdBy: caller.id };
    await store.insertCategory(transaction, { ...category, ...placeBelow(parent, slug) });
  });
  return readCategory({ database }, id);
}

export async function readCategory({ database }: CategoriesDeps, id: string): Promise<Category> {
  return viewOf(await store.mustExist(database, id));
}

export async function listCategories({ database }: CategoriesDeps): Promise<Category[]> {
  return (await store.listAll(database)).map(viewOf);
}

export async function readTree({ database }: CategoriesDeps): Promise<CategoryTree[]> {
  const nodes = new Map<string | null, CategoryTree>();
  const top: CategoryTree[] = [];
  for (const row of await store.listAll(database)) {
    const node = { ...viewOf(row), children: [] };
    nodes.set(row.id, node);
    const siblings = row.parentId === null ? top : nodes.get(row.parentId)?.children;
    siblings?.push(node);
  }
  return top;
}

/** Renames a category or moves it with all that is below it. */
export async function changeCategory(
  { database }: CategoriesDeps,
  id: string,
  change: CategoryChange,
  caller: Caller,
): Promise<Category> {
  await inTransaction(database, async (transaction) => {
    const tree = new Map(await store.lockTree(transaction));
    const category = mustManage(tree.get(id), caller);
    const parent = parentIn(tree, change.parent_id === undefined ? category.parentId : change.parent_id);
    for (let above = parent; above !== undefined; above = parentIn(tree, above.parentId))
      if (above.id === id) throw new CategoryCycle();
    const title = change.title?.trim() ?? category.title;
    const placed = { ...category, title, parentId: parent?.id ?? null };
    const slug =
      title === category.title && placed.parentId === category.parentId
        ? category.slug
        : freeSlug(tree, placed);
    await moveBelow(transaction, tree, { ...placed, slug }, parent);
  });
  return readCategory({ database }, id);
}

export async function deleteCategory(
  { database }: CategoriesDeps,
  id: string,
  caller: Caller,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const tree = await store.lockTree(transaction);
    mustManage(tree.get(id), caller);
    if ([...tree.values()].some(({ parentId }) => parentId === id)) throw new CategoryNotEmpty();
    await store.deleteCategory(transaction, id);
  });
}

/** Paths and levels of all that is below follow. */
async function moveBelow(
  transaction: Transaction,
  tree: Map<string, store.CategoryRow>,
  category: store.CategoryRow,
  parent: store.CategoryRow | undefined,
): Promise<void> {
  const placed = { ...category, ...placeBelow(parent, category.slug) };
  tree.set(placed.id, placed);
  await store.updateCategory(transaction, placed);
  for (const child of [...tree.values()].filter(({ parentId }) => parentId === placed.id))
    await moveBelow(transaction, tree, child, placed);
}

function placeBelow(parent: store.CategoryRow | undefined, slug: string): { level: number; path: string } {
  if (parent === undefined) return { level: 0, path: slug };
  const level = parent.level + 1;
  if (level >= MOST_LEVELS) throw new CategoryTooDeep();
  return { level, path: `${parent.path}/${slug}` };
}

function parentIn(tree: Tree, id: string | null): store.CategoryRow | undefined {
  if (id === null) return undefined;
  const parent = tree.get(id);
  if (parent === undefined) throw new CategoryNotFound();
  return parent;
}

/** `birds`, else `birds-2`, `birds-3` … */
function freeSlug(
  tree: Tree,
  { id, title, parentId }: Pick<store.CategoryRow, 'id' | 'title' | 'parentId'>,
): string {
  const taken = new Set(
    [...tree.values()]
      .filter((one) => one.parentId === parentId && one.id !== id)
      .map((one) => comparable(one.slug)),
  );
  const slug = slugOf(title);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? slug : `${slug}-${number}`;
    if (!taken.has(comparable(candidate))) return candidate;
  }
}

/** The database takes letters for the same whose marks differ. */
const comparable = (slug: string): string => slug.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();

function mustManage(category: store.CategoryRow | undefined, caller: Caller): store.CategoryRow {
  if (category === undefined) throw new CategoryNotFound();
  if (category.createdBy !== caller.id && !caller.permissions.includes('files:manage')) throw new Forbidden();
  return category;
}

const viewOf = (row: store.CategoryRow): Category => ({
  id: row.id,
  title: row.title,
  slug: row.slug,
  parent_id: row.parentId,
  level: row.level,
  path: row.path,
  created_at: row.createdAt.toISOString(),
});
