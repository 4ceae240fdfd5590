import type { Caller } from '#kit/auth/caller';
import type { Page, PageQuery } from '#kit/http/lists/pagination';
import { hashtagKey } from '#kit/text/entities';
import { listBookmarks } from '../bookmarks/store';
import type { TimelinesDeps } from '../deps';
import { listHomeIds } from '../feeds/home';
import type { Post } from '../model';
import { findByUsername } from '../people/lookup';
import { originalIdOf } from '../posts/reposts';
import { requireVisible } from '../posts/service';
import { isInHomeTimeline } from '../posts/visibility';
import { requireOwner } from './owner';
import { type List, readPage } from './page';
import { searchExpression } from './search';
import * as store from './store';

export async function readHome(
  deps: TimelinesDeps,
  caller: Caller,
  username: string,
  query: PageQuery,
): Promise<Page<Post>> {
  requireOwner(caller, username);
  const list: List = async (slice) =>
    (await listHomeIds(deps, caller.id, slice)).map((id) => ({ key: id, id }));
  return readPage(deps, caller, query, { list, filter: (post) => isInHomeTimeline(post, caller.id) });
}

export const readPublic = (deps: TimelinesDeps, caller: Caller | null, query: PageQuery) =>
  readPage(deps, caller, query, { list: (slice) => store.listPublic(deps.database, slice) });

export async function readByAuthor(
  deps: TimelinesDeps,
  caller: Caller | null,
  username: string,
  query: PageQuery,
): Promise<Page<Post>> {
  const { id } = await findByUsername(deps, username);
  return readPage(deps, caller, query, { list: (slice) => store.listByAuthors(deps.database, [id], slice) });
}

export async function readTagged(
  deps: TimelinesDeps,
  caller: Caller | null,
  tag: string,
  query: PageQuery,
): Promise<Page<Post>> {
  const key = hashtagKey(tag);
  return readPage(deps, caller, query, { list: (slice) => store.listTagged(deps.database, key, slice) });
}

export async function search(
  deps: TimelinesDeps,
  caller: Caller | null,
  query: PageQuery & { q: string },
): Promise<Page<Post>> {
  const expression = searchExpression(query.q);
  if (expression === null) return { items: [], next_cursor: null };
  return readPage(deps, caller, query, {
    list: (slice) => store.listMatching(deps.database, expression, slice),
  });
}

export async function readReplies(
  deps: TimelinesDeps,
  caller: Caller | null,
  id: string,
  query: PageQuery,
): Promise<Page<Post>> {
  const originalId = originalIdOf(await requireVisible(deps, caller, id));
  return readPage(deps, caller, query, {
    list: (slice) => store.listThread(deps.database, originalId, slice),
  });
}

export const readBookmarks = (deps: TimelinesDeps, caller: Caller, query: PageQuery) =>
  readPage(deps, caller, query, { list: (slice) => listBookmarks(deps.database, caller.id, slice) });
