import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';
import { encodeCursor, type Page, type PageQuery, readPageQuery } from '#kit/http/pagination';
import { listHomeIds } from './feeds';
import * as store from './lists-store';
import type { Post } from './model';
import { findByUsername } from './people';
import { belongsHome, normalizeHashtag, searchExpression } from './rules';
import { mustSee, type TimelinesDeps } from './service';
import type { PostRow } from './store';
import { type Filter, readVisible, viewsOf } from './views';

/** When most of a list is hidden from the viewer, a page ends short after so many queries; its cursor goes on from there. */
const MOST_ROUNDS = 5;
/** One more than the largest page, which tells that there is more. */
const LARGEST_ROUND = 101;

type List = (slice: store.Slice) => Promise<store.Entry[]>;

export async function readHome(
  deps: TimelinesDeps,
  caller: Caller,
  username: string,
  query: PageQuery,
): Promise<Page<Post>> {
  mustBeOwner(caller, username);
  const list: List = async (slice) =>
    (await listHomeIds(deps, caller.id, slice)).map((id) => ({ key: id, id }));
  return readPage(deps, caller, query, list, (post) => belongsHome(post, caller.id));
}

/** @throws Forbidden */
export function mustBeOwner(caller: Caller, username: string): void {
  if (username.toLowerCase() !== caller.username.toLowerCase())
    throw new Forbidden({ detail: 'A home timeline is shown to its owner only.' });
}

export const readPublic = (deps: TimelinesDeps, viewer: Caller | null, query: PageQuery) =>
  readPage(deps, viewer, query, (slice) => store.listPublic(deps.database, slice));

export async function readOfAuthor(
  deps: TimelinesDeps,
  viewer: Caller | null,
  username: string,
  query: PageQuery,
): Promise<Page<Post>> {
  const { id } = await findByUsername(deps, username);
  return readPage(deps, viewer, query, (slice) => store.listOfAuthors(deps.database, [id], slice));
}

export const readTagged = (deps: TimelinesDeps, viewer: Caller | null, tag: string, query: PageQuery) =>
  readPage(deps, viewer, query, (slice) => store.listTagged(deps.database, normalizeHashtag(tag), slice));

export async function search(
  deps: TimelinesDeps,
  viewer: Caller | null,
  query: PageQuery & { q: string },
): Promise<Page<Post>> {
  const expression = searchExpression(query.q);
  if (expression === null) return { items: [], next_cursor: null };
  return readPage(deps, viewer, query, (slice) => store.listMatching(deps.database, expression, slice));
}

export async function readReplies(
  deps: TimelinesDeps,
  viewer: Caller | null,
  id: string,
  query: PageQuery,
): Promise<Page<Post>> {
  await mustSee(deps, id, viewer);
  return readPage(deps, viewer, query, (slice) => store.listThread(deps.database, id, slice));
}

export const readBookmarks = (deps: TimelinesDeps, caller: Caller, query: PageQuery) =>
  readPage(deps, caller, query, (slice) => store.listBookmarks(deps.database, caller.id, slice));

/** A page of any list: entries, then the posts behind them, then what the viewer may see, until the page is full. */
async function readPage(
  deps: TimelinesDeps,
  viewer: Caller | null,
  query: PageQuery,
  list: List,
  filter?: Filter,
): Promise<Page<Post>> {
  const viewerId = viewer?.id ?? null;
  const { limit, after } = readPageQuery<[key: string]>(query, 1);
  const shown: { key: string; post: PostRow }[] = [];
  let position = after?.[0] ?? null;
  let ended = false;
  for (let round = 0; round < MOST_ROUNDS && shown.length <= limit && !ended; round++) {
    // A round that was mostly hidden is followed by a large one.
    const wanted = round === 0 ? limit + 1 : LARGEST_ROUND;
    const entries = await list({ after: position, limit: wanted });
    ended = entries.length < wanted;
    position = entries.at(-1)?.key ?? position;
    shown.push(...(await readEntries(deps, entries, viewerId, filter)));
  }
  const page = shown.slice(0, limit);
  const items = await viewsOf(
    deps,
    page.map((entry) => entry.post),
    viewerId,
  );
  const last = shown.length > limit ? page.at(-1)?.key : ended ? undefined : position;
  return { items, next_cursor: last ? encodeCursor([last]) : null };
}

async function readEntries(
  deps: TimelinesDeps,
  entries: readonly store.Entry[],
  viewerId: string | null,
  filter?: Filter,
): Promise<{ key: string; post: PostRow }[]> {
  const ids = entries.map((entry) => entry.id);
  const posts = await readVisible(deps, ids, viewerId, filter);
  const byId = new Map(posts.map((post) => [post.id, post]));
  return entries.flatMap(({ key, id }) => {
    const post = byId.get(id);
    return post ? [{ key, post }] : [];
  });
}
