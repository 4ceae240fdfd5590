import type { Slice } from './store';

/** How many of the newest posts of a list are remembered. */
export const NEWEST_POSTS = 200;

/** The newest posts of a list whose order is that of the ids, kept current in place. */
export interface NewestPosts {
  /** Newest first. */
  readonly ids: string[];
  /** Whether the list has no older posts. */
  isComplete: boolean;
}

/** @param ids the newest first, as many as were asked for unless there are no more */
export const newestPosts = (ids: readonly string[]): NewestPosts => ({
  ids: [...ids],
  isComplete: ids.length < NEWEST_POSTS,
});

/** The ids of a slice; null when the database has older ones that belong to it. */
export function sliceOf({ ids, isComplete }: NewestPosts, { after, limit }: Slice): string[] | null {
  const start = after === null ? 0 : ids.findIndex((id) => Number(id) < Number(after));
  if (start === -1) return isComplete ? [] : null;
  const slice = ids.slice(start, start + limit);
  return slice.length === limit || isComplete ? slice : null;
}

/** Adds a new post, in its place: posts of several processes become known in any order. Idempotent. */
export function addPost(list: NewestPosts, id: string): void {
  const { ids } = list;
  const place = ids.findIndex((other) => Number(other) <= Number(id));
  if (place === -1) {
    // Below the remembered ones, of which it is only one when they are all.
    if (list.isComplete) ids.push(id);
  } else if (ids[place] !== id) ids.splice(place, 0, id);
  if (ids.length <= NEWEST_POSTS) return;
  ids.length = NEWEST_POSTS;
  list.isComplete = false;
}
