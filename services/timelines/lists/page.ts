import type { Caller } from '#kit/auth/caller';
import { encodeCursor } from '#kit/http/lists/cursor';
import { timeOrderedKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import type { TimelinesDeps } from '../deps';
import type { Post } from '../model';
import { hydrate, readVisible } from '../posts/hydration';
import type { PostRow } from '../posts/read-store';
import type { PostFilter } from '../posts/visibility';
import type { Entry, Slice } from './store';

/** When most of a list is hidden from the viewer, a page ends short after this many queries; its cursor continues there. */
const MAX_ROUNDS = 5;
/** The largest page, and one entry that shows whether there is a next page. */
const LARGEST_ROUND = 101;

export type List = (slice: Slice) => Promise<Entry[]>;

/** Reads a page of any list: entries, then their posts, then the visible ones among these, until the page is full. */
export async function readPage(
  deps: TimelinesDeps,
  caller: Caller | null,
  query: PageQuery,
  source: { list: List; filter?: PostFilter },
): Promise<Page<Post>> {
  const viewerId = caller?.id ?? null;
  const { limit, after } = readPageQuery(query, [timeOrderedKey]);
  const visible: { key: string; post: PostRow }[] = [];
  let position = after?.[0] ?? null;
  let isEnd = false;
  for (let round = 0; round < MAX_ROUNDS && visible.length <= limit && !isEnd; round++) {
    // After a round that was mostly hidden comes a large one.
    const wanted = round === 0 ? limit + 1 : LARGEST_ROUND;
    const entries = await source.list({ after: position, limit: wanted });
    isEnd = entries.length < wanted;
    position = entries.at(-1)?.key ?? position;
    visible.push(...(await readEntries(deps, viewerId, entries, source.filter)));
  }
  const page = visible.slice(0, limit);
  const items = await hydrate(
    deps,
    viewerId,
    page.map((entry) => entry.post),
  );
  const last = visible.length > limit ? page.at(-1)?.key : isEnd ? undefined : position;
  return { items, next_cursor: last ? encodeCursor([last]) : null };
}

async function readEntries(
  deps: TimelinesDeps,
  viewerId: string | null,
  entries: readonly Entry[],
  filter?: PostFilter,
): Promise<{ key: string; post: PostRow }[]> {
  const ids = entries.map((entry) => entry.id);
  const posts = await readVisible(deps, viewerId, ids, filter);
  const byId = new Map(posts.map((post) => [post.id, post]));
  return entries.flatMap(({ key, id }) => {
    const post = byId.get(id);
    return post ? [{ key, post }] : [];
  });
}
