import type { Caller } from '#kit/auth/caller';
import type { TextPage } from '#kit/http/json-text/json-text';
import { encodeCursor } from '#kit/http/lists/cursor';
import { timeOrderedKey } from '#kit/http/lists/keys';
import { type PageQuery, readPageQuery } from '#kit/http/lists/pagination';
import type { TimelinesDeps } from '../deps';
import { openViewer, rememberedViewer, type Viewer } from '../people/viewer';
import { type FoundPost, findVisible } from '../posts/find';
import { renderPosts } from '../posts/render';
import type { PostFilter } from '../posts/visibility';
import type { Entry, Slice } from './store';

/** When most of a list is hidden from the viewer, a page ends short after this many queries; its cursor continues there. */
const MAX_ROUNDS = 5;
/** The largest page, and one entry that shows whether there is a next page. */
const LARGEST_ROUND = 101;

/** Reads entries; `viewer` is called after the read on which the list rests, or before. */
export type List = (slice: Slice) => Promise<Entry[]>;

export interface Source {
  readonly list: List;
  readonly filter?: PostFilter;
  /** Who reads it, where that was needed to find the list. */
  readonly viewer?: Viewer;
  /** The list is read over the connection of the notifications, which makes what is remembered current as well. */
  readonly isFeed?: boolean;
}

/** Reads a page of any list: entries, then their posts, then the visible ones among these, until the page is full. */
export async function readPage(
  deps: TimelinesDeps,
  caller: Caller | null,
  query: PageQuery,
  source: Source,
): Promise<TextPage> {
  const { limit, after } = readPageQuery(query, [timeOrderedKey]);
  let position = after?.[0] ?? null;
  let viewer = source.viewer ?? (source.isFeed ? undefined : await openViewer(deps, caller?.id ?? null));
  const visible: VisibleEntry[] = [];
  let isEnd = false;
  for (let round = 0; round < MAX_ROUNDS && visible.length <= limit && !isEnd; round++) {
    // After a round that was mostly hidden comes a large one.
    const wanted = round === 0 ? limit + 1 : LARGEST_ROUND;
    const entries = await source.list({ after: position, limit: wanted });
    viewer ??= await rememberedViewer(deps, caller?.id ?? null);
    isEnd = entries.length < wanted;
    position = entries.at(-1)?.key ?? position;
    visible.push(...(await readEntries(deps, viewer, entries, source.filter)));
  }
  const page = visible.slice(0, limit);
  const posts = page.map((entry) => entry.found);
  const items = viewer === undefined ? [] : await renderPosts(deps, viewer, posts);
  const last = visible.length > limit ? page.at(-1)?.key : isEnd ? undefined : position;
  return { items, next_cursor: last ? encodeCursor([last]) : null };
}

interface VisibleEntry {
  readonly key: string;
  readonly found: FoundPost;
}

async function readEntries(
  deps: TimelinesDeps,
  viewer: Viewer,
  entries: readonly Entry[],
  filter?: PostFilter,
): Promise<VisibleEntry[]> {
  const ids = entries.map(({ id }) => id);
  const posts = await findVisible(deps, viewer, ids, filter);
  const visible: VisibleEntry[] = [];
  entries.forEach(({ key }, index) => {
    const found = posts[index];
    if (found !== undefined) visible.push({ key, found });
  });
  return visible;
}
