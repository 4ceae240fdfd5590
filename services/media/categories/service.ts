import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { IdTaken } from '#kit/grpc/portability';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { normalizeText } from '#kit/text/identity';
import type { MediaDeps } from '../deps';
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
} from './model';
import { slugOf } from './rules';
import * as store from './store';

type CategoriesDeps = Pick<MediaDeps, 'database'>;

type Tree = ReadonlyMap<string, store.CategoryRow>;

/** Each change locks and reads all of them. */
const MAX_CATEGORIES = 1_000;
const MAX_LEVELS = 8;

export async function createCategory(
  { database }: CategoriesDeps,
  caller: Caller,
  input: NewCategory,
): Promise<Category> {
  const id = uuidv7();
  await inTransaction(database, async (transaction) => {
    const tree = await store.lockTree(transaction);
    const parent = parentIn(tree, input.parent_id ?? null);
    await insertBelow(transaction, tree, parent, { id, title: input.title, createdBy: caller.id });
  });
  return readCategory({ database }, id);
}

/**
 * Restores a category of an archive, at the top level where its parent is missing.
 *
 * @throws IdTaken when another person has created the category of that id
 */
export async function importCategory(
  { database }: CategoriesDeps,
  userId: string,
  record: { id: string; title: string; parentId: string | null; createdAt: Date },
): Promise<'imported' | 'exists'> {
  const { id, title, parentId, createdAt } = record;
  return inTransaction(database, async (transaction) => {
    const tree = await store.lockTree(transaction);
    const existing = tree.get(id);
    if (existing !== undefined && existing.createdBy !== userId) throw new IdTaken();
    if (existing !== undefined) return 'exists';
    const parent = parentId === null ? undefined : tree.get(parentId);
    await insertBelow(transaction, tree, parent, { id, title, createdBy: userId, createdAt });
    return 'imported';
  });
}

async function insertBelow(
  transaction: Transaction,
  tree: Tree,
  parent: store.CategoryRow | undefined,
  input: Pick<store.CategoryRow, 'id' | 'title' | 'createdBy'> & { readonly createdAt?: Date },
): Promise<void> {
  if (tree.size >= MAX_CATEGORIES)
    throw new TooManyCategories({ detail: `There are at most ${MAX_CATEGORIES} categories.` });
  const category = { ...input, title: normalizeText(input.title), parentId: parent?.id ?? null };
  const slug = uniqueSlug(tree, category);
  await store.insertCategory(transaction, { ...category, slug, ...positionBelow(parent, slug) });
}

export async function readCategory({ database }: CategoriesDeps, id: string): Promise<Category> {
  return viewOf(await store.requireCategory(database, id));
}

export async function listCategories({ database }: CategoriesDeps): Promise<Category[]> {
  return (await store.listCategories(database)).map(viewOf);
}

export async function readTree({ database }: CategoriesDeps): Promise<CategoryTree[]> {
  const nodes = new Map<string | null, CategoryTree>();
  const top: CategoryTree[] = [];
  for (const row of await store.listCategories(database)) {
    const node = { ...viewOf(row), children: [] };
    nodes.set(row.id, node);
    const siblings = row.parentId === null ? top : nodes.get(row.parentId)?.children;
    siblings?.push(node);
  }
  return top;
}

/** Renames a category, or moves it with its subtree. */
export async function changeCategory(
  { database }: CategoriesDeps,
  caller: Caller,
  id: string,
  change: CategoryChange,
): Promise<Category> {
  await inTransaction(database, async (transaction) => {
    const tree = new Map(await store.lockTree(transaction));
    const category = assertManageable(caller, tree.get(id));
    const parent = parentIn(tree, change.parent_id === undefined ? category.parentId : change.parent_id);
    for (let above = parent; above !== undefined; above = parentIn(tree, above.parentId))
      if (above.id === id) throw new CategoryCycle({ detail: 'A category cannot be moved below itself.' });
    const title = change.title === undefined ? category.title : normalizeText(change.title);
    const moved = { ...category, title, parentId: parent?.id ?? null };
    const slug =
      title === category.title && moved.parentId === category.parentId
        ? category.slug
        : uniqueSlug(tree, moved);
    await updateSubtree(transaction, tree, { ...moved, slug }, parent);
  });
  return readCategory({ database }, id);
}

export async function deleteCategory(
  { database }: CategoriesDeps,
  caller: Caller,
  id: string,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const tree = await store.lockTree(transaction);
    assertManageable(caller, tree.get(id));
    if ([...tree.values()].some(({ parentId }) => parentId === id))
      throw new CategoryNotEmpty({ detail: 'Move or delete its subcategories first.' });
    await store.deleteCategory(transaction, id);
  });
}

/** Updates a category, and the paths and levels of everything below it. */
async function updateSubtree(
  transaction: Transaction,
  tree: Map<string, store.CategoryRow>,
  category: store.CategoryRow,
  parent: store.CategoryRow | undefined,
): Promise<void> {
  const updated = { ...category, ...positionBelow(parent, category.slug) };
  tree.set(updated.id, updated);
  await store.updateCategory(transaction, updated);
  for (const child of [...tree.values()].filter(({ parentId }) => parentId === updated.id))
    await updateSubtree(transaction, tree, child, updated);
}

function positionBelow(parent: store.CategoryRow | undefined, slug: string): { level: number; path: string } {
  if (parent === undefined) return { level: 0, path: slug };
  const level = parent.level + 1;
  if (level >= MAX_LEVELS)
    throw new CategoryTooDeep({ detail: `Categories are nested at most ${MAX_LEVELS} levels deep.` });
  return { level, path: `${parent.path}/${slug}` };
}

function parentIn(tree: Tree, id: string | null): store.CategoryRow | undefined {
  if (id === null) return undefined;
  const parent = tree.get(id);
  if (parent === undefined) throw new CategoryNotFound();
  return parent;
}

/** `birds`, else `birds-2`, `birds-3` … */
function uniqueSlug(
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

/** Without diacritics, so that siblings differ in more than an accent; the database compares slugs exactly. */
const comparable = (slug: string): string => slug.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();

function assertManageable(caller: Caller, category: store.CategoryRow | undefined): store.CategoryRow {
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
