import type { TimelinesDeps } from '../deps';
import { sliceOf } from '../lists/newest';
import { listByAuthors, type Slice } from '../lists/store';
import { buildInBackground } from './build';
import { listFollowedAmong } from './followers-store';
import { listHome } from './home-store';
import { mergeNewestFirst } from './merge';
import { readFeed } from './store';

/**
 * The next post ids of a home timeline, newest first and unfiltered: from the reader's feed, below its floor from the
 * database, and without a feed (expired, or Redis unavailable) from the database alone.
 */
export async function listHomeIds(deps: TimelinesDeps, readerId: string, slice: Slice): Promise<string[]> {
  const reading = readFeed(deps.redis, readerId, slice).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure }, 'feed unavailable; reading from the database');
    // The reply would have been the proof that what is remembered is current.
    deps.changes.doubt();
    return undefined;
  });
  const [feed] = await Promise.all([reading, deps.changes.repliesProve ? undefined : deps.changes.current()]);
  if (feed === null && slice.after === null) buildInBackground(deps, readerId);
  if (!feed) return listHome(deps.database, readerId, slice);
  deps.readers.note(readerId);
  const { ids, floor } = feed;
  const older =
    typeof floor === 'string'
      ? await listHome(deps.database, readerId, { after: floor, limit: slice.limit - ids.length })
      : [];
  const merged = await listMergedIds(deps, readerId, slice);
  if (older.length === 0 && merged.length === 0) return ids;
  return mergeNewestFirst([...ids, ...older], merged).slice(0, slice.limit);
}

/** Posts of followees with too many followers for fan-out. */
async function listMergedIds(deps: TimelinesDeps, readerId: string, slice: Slice): Promise<string[]> {
  const authors = await deps.mergedAuthors.list();
  if (authors.length === 0) return [];
  const followed = await followedAmong(deps, readerId, authors);
  const lists = await Promise.all(followed.map((authorId) => listOfAuthor(deps, authorId, slice)));
  return lists.flat();
}

async function followedAmong(
  { caches, database }: TimelinesDeps,
  readerId: string,
  authorIds: readonly string[],
): Promise<string[]> {
  const relations = await caches.relations.get(readerId);
  const followed = relations?.followed;
  if (followed) return authorIds.filter((id) => followed.has(id));
  return listFollowedAmong(database, readerId, authorIds);
}

async function listOfAuthor(
  { caches, database }: TimelinesDeps,
  authorId: string,
  slice: Slice,
): Promise<string[]> {
  const newest = await caches.newest.get(authorId);
  const remembered = newest === undefined ? null : sliceOf(newest, slice);
  return remembered ?? (await listByAuthors(database, [authorId], slice)).map((entry) => entry.id);
}
