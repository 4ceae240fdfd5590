import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import type { Database } from '#kit/mysql/database';
import { type Item, ItemNotFound, type NewItem } from './model';
import * as store from './store';

export interface ExampleItemsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
}

export async function createItem(deps: ExampleItemsDeps, caller: Caller, input: NewItem): Promise<Item> {
  const id = uuidv7();
  await store.insertItem(deps.database, { id, ownerId: caller.id, name: input.name });
  return readItem(deps, caller, id);
}

/** @throws ItemNotFound, also for an item of somebody else */
export async function readItem(deps: ExampleItemsDeps, caller: Caller, id: string): Promise<Item> {
  const item = await store.findItem(deps.database, { id, ownerId: caller.id });
  if (item === undefined) throw new ItemNotFound();
  return viewOf(item);
}

export async function listItems(
  deps: ExampleItemsDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Item>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listItems(deps.database, {
    ownerId: caller.id,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (item) => [item.id], viewOf);
}

export async function renameItem(
  deps: ExampleItemsDeps,
  caller: Caller,
  id: string,
  change: NewItem,
): Promise<Item> {
  const item = await readItem(deps, caller, id);
  await store.renameItem(deps.database, { id, ownerId: caller.id }, change.name);
  return { ...item, name: change.name };
}

export async function deleteItem(deps: ExampleItemsDeps, caller: Caller, id: string): Promise<void> {
  if (!(await store.deleteItem(deps.database, { id, ownerId: caller.id }))) throw new ItemNotFound();
}

const viewOf = (item: store.ItemRow): Item => ({
  id: item.id,
  name: item.name,
  created_at: item.createdAt.toISOString(),
});
