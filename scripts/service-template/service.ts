import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { Executor } from '#kit/mysql/database';
import type { ExampleItemsDeps } from './deps';
import { type Item, ItemNotFound, type NewItem } from './model';
import * as store from './store';

export async function createItem(
  deps: ExampleItemsDeps,
  caller: Caller,
  key: RequestKey,
  input: NewItem,
): Promise<StoredResponse<Item>> {
  const request = { ...key, caller: caller.id, body: input };
  return idempotent(deps.database, request, async () => async (transaction) => {
    const id = uuidv7();
    await store.insertItem(transaction, { id, ownerId: caller.id, name: input.name });
    const item = await requireItem(transaction, caller, id);
    return { status: 201, headers: { location: `/example-items/${id}` }, body: viewOf(item) };
  });
}

export async function readItem(deps: ExampleItemsDeps, caller: Caller, id: string): Promise<Item> {
  return viewOf(await requireItem(deps.database, caller, id));
}

export async function listItems(
  deps: ExampleItemsDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Item>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
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
  input: NewItem,
): Promise<Item> {
  const item = await readItem(deps, caller, id);
  await store.renameItem(deps.database, { id, ownerId: caller.id }, input.name);
  return { ...item, name: input.name };
}

export async function deleteItem(deps: ExampleItemsDeps, caller: Caller, id: string): Promise<void> {
  if (!(await store.deleteItem(deps.database, { id, ownerId: caller.id }))) throw new ItemNotFound();
}

/** @throws ItemNotFound, also for an item of another user */
async function requireItem(executor: Executor, caller: Caller, id: string): Promise<store.ItemRow> {
  const item = await store.findItem(executor, { id, ownerId: caller.id });
  if (item === undefined) throw new ItemNotFound();
  return item;
}

const viewOf = (item: store.ItemRow): Item => ({
  id: item.id,
  name: item.name,
  created_at: item.createdAt.toISOString(),
});
