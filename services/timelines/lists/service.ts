import type { Caller } from '#kit/auth/caller';
import type { TextPage } from '#kit/http/json-text/json-text';
import type { PageQuery } from '#kit/http/lists/pagination';
import { hashtagKey } from '#kit/text/entities';
import { listBookmarks } from '../bookmarks/store';
import { PUBLIC } from '../cache/caches';
import type { TimelinesDeps } from '../deps';
import { listHomeIds } from '../feeds/home';
import { findByUsername } from '../people/lookup';
import { openViewer } from '../people/viewer';
import { originalIdOf } from '../posts/reposts';
import { requireVisible } from '../posts/service';
import { isInHomeTimeline, type PostFilter } from '../posts/visibility';
import { sliceOf } from './newest';
import { requireOwner } from './owner';
import { type List, readPage } from './page';
import { searchExpression } from './search';
import * as store from './store';

export async function readHome(
  deps: TimelinesDeps,
  caller: Caller,
  username: string,
  query: PageQuery,
): Promise<TextPage> {
  requireOwner(caller, username);
  const list: List = async (slice) =>
    (await listHomeIds(deps, caller.id, slice)).map((id) => ({ key: id, id }));
  const filter: PostFilter = (post) => isInHomeTimeline(post, caller.id);
  return readPage(deps, caller, query, { list, filter, isFeed: true });
}

/** A list whose order is that of the ids: its newest posts are remembered, older ones are read from the database. */
async function listNewest(deps: TimelinesDeps, key: string, slice: store.Slice): Promise<store.Entry[]> {
  const newest = await deps.caches.newest.get(key);
  const ids = newest === undefined ? null : sliceOf(newest, slice);
  if (ids !== null) return ids.map((id) => ({ key: id, id }));
  return key === PUBLIC
    ? store.listPublic(deps.database, slice)
    : store.listByAuthors(deps.database, [key], slice);
}

export const readPublic = (deps: TimelinesDeps, caller: Caller | null, query: PageQuery) =>
  readPage(deps, caller, query, { list: (slice) => listNewest(deps, PUBLIC, slice) });

export async function readByAuthor(
  deps: TimelinesDeps,
  caller: Caller | null,
  username: string,
  query: PageQuery,
): Promise<TextPage> {
  const viewer = await openViewer(deps, caller?.id ?? null);
  const { id } = await findByUsername(deps, username);
  return readPage(deps, caller, query, { viewer, list: (slice) => listNewest(deps, id, slice) });
}

export async function readTagged(
  deps: TimelinesDeps,
  caller: Caller | null,
  tag: string,
  query: PageQuery,
): Promise<TextPage> {
  const key = hashtagKey(tag);
  return readPage(deps, caller, query, { list: (slice) => store.listTagged(deps.database, key, slice) });
}

export async function search(
  deps: TimelinesDeps,
  caller: Caller | null,
  query: PageQuery & { q: string },
): Promise<TextPage> {
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
): Promise<TextPage> {
  const viewer = await openViewer(deps, caller?.id ?? null);
  const { post } = await requireVisible(deps, viewer, id);
  const originalId = originalIdOf(post);
  return readPage(deps, caller, query, {
    viewer,
    list: (slice) => store.listThread(deps.database, originalId, slice),
  });
}

export const readBookmarks = (deps: TimelinesDeps, caller: Caller, query: PageQuery) =>
  readPage(deps, caller, query, { list: (slice) => listBookmarks(deps.database, caller.id, slice) });
