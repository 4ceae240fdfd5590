import { randomUUID } from 'node:crypto';
import * as feeds from './feed-store';
import { listFollowedAmong, listHome, listOfAuthors, type Slice } from './lists-store';
import * as people from './people-store';
import { mergeNewestFirst } from './rules';
import type { TimelinesDeps } from './service';
import { findPosts } from './store';

/** Feeds one process builds at the same time; other readers go on with the database and come again. */
const MOST_BUILDS = 4;
/** A follow that changes over and over while its feed is brought up to date is left to its next event. */
const MOST_SYNCS = 5;
/** So long an author who has just crossed the limit may be missed, no longer than a delivery may take. */
const MERGED_AUTHORS_AGE_MS = 2_000;

/**
 * The next posts of a home timeline, newest first, before anything is filtered: from the reader's feed, further down
 * from the database, and without a feed (a reader long away, Redis away) from the database alone.
 */
export async function listHomeIds(deps: TimelinesDeps, readerId: string, slice: Slice): Promise<string[]> {
  const feed = await feeds.readFeed(deps.redis, readerId, slice).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure }, 'no feed: the database answers');
    return undefined;
  });
  if (feed === null && slice.after === null) buildInBackground(deps, readerId);
  if (!feed) return listHome(deps.database, readerId, slice);
  const { ids, floor } = feed;
  const older =
    typeof floor === 'string'
      ? await listHome(deps.database, readerId, { after: floor, limit: slice.limit - ids.length })
      : [];
  const merged = await listMergedIds(deps, readerId, slice);
  return mergeNewestFirst([...ids, ...older], merged).slice(0, slice.limit);
}

/** Posts of followees who have too many followers for fan-out. */
async function listMergedIds(deps: TimelinesDeps, readerId: string, slice: Slice): Promise<string[]> {
  const authors = await mergedAuthors(deps);
  const followed = await listFollowedAmong(deps.database, readerId, authors);
  if (followed.length === 0) return [];
  return (await listOfAuthors(deps.database, followed, slice)).map((entry) => entry.id);
}

const mergedAuthorsOf = new WeakMap<TimelinesDeps, { ids: Promise<string[]>; untilMs: number }>();

function mergedAuthors(deps: TimelinesDeps): Promise<string[]> {
  const known = mergedAuthorsOf.get(deps);
  if (known !== undefined && performance.now() < known.untilMs) return known.ids;
  const ids = people.listMergedAtRead(deps.database);
  mergedAuthorsOf.set(deps, { ids, untilMs: performance.now() + MERGED_AUTHORS_AGE_MS });
  // Asked anew by the next reader; this one hears of the failure itself.
  ids.catch(() => mergedAuthorsOf.delete(deps));
  return ids;
}

const buildsOf = new WeakMap<TimelinesDeps, Set<string>>();

function buildInBackground(deps: TimelinesDeps, readerId: string): void {
  const builds = buildsOf.get(deps) ?? new Set();
  buildsOf.set(deps, builds);
  if (builds.size >= MOST_BUILDS || builds.has(readerId)) return;
  builds.add(readerId);
  buildFeed(deps, readerId)
    .catch((failure: unknown) => deps.runtime.log.warn({ err: failure }, 'a feed could not be built'))
    .finally(() => builds.delete(readerId));
}

/**
 * Builds a reader's feed. Nothing posted meanwhile is lost: from `beginFeed` on deliveries go in, and what was
 * delivered before had been committed before, so the query after it sees it.
 */
export async function buildFeed(deps: TimelinesDeps, readerId: string): Promise<void> {
  const token = randomUUID();
  const { homeSize } = deps;
  if (!(await feeds.beginFeed(deps.redis, readerId, token))) return;
  const ids = await listHome(deps.database, readerId, { after: null, limit: homeSize });
  const floor = ids.length < homeSize ? null : (ids.at(-1) ?? null);
  await feeds.finishFeed(deps.redis, readerId, { token, ids, floor, homeSize });
}

/** Lets authors see their post at home at once. Only a short cut: the fan-out brings it too. */
export function deliverToOwnFeed(deps: TimelinesDeps, authorId: string, postId: string): void {
  feeds.deliverToFeeds(deps.redis, [authorId], [postId], deps.homeSize).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure, post_id: postId }, 'left to the fan-out');
  });
}

/**
 * Delivers a post into the feeds of the next followers. With Redis away it fails, to be tried again.
 *
 * @returns how many feeds took it, and after whom to go on; undefined when all have been reached
 */
export async function deliverPost(
  deps: TimelinesDeps,
  delivery: { postId: string; authorId: string; afterFollower: string | null; limit: number },
): Promise<{ delivered: number; nextAfterFollower: string | undefined }> {
  const { postId, authorId, afterFollower, limit } = delivery;
  if (!(await findPosts(deps.database, [postId], null)).has(postId))
    return { delivered: 0, nextAfterFollower: undefined };
  const first = afterFollower === null;
  const followers =
    first && (await isMergedAtRead(deps, authorId))
      ? []
      : await people.listFollowers(deps.database, authorId, { after: afterFollower, limit });
  const readers = first ? [authorId, ...followers] : followers;
  const delivered = await feeds.deliverToFeeds(deps.redis, readers, [postId], deps.homeSize);
  return { delivered, nextAfterFollower: followers.length === limit ? followers.at(-1) : undefined };
}

/** Decided at a post's first batch and noted, so that readers merge the author from then on. */
async function isMergedAtRead(deps: TimelinesDeps, authorId: string): Promise<boolean> {
  const author = await people.findPerson(deps.database, authorId);
  if (author?.mergedAtRead) return true;
  if (!(await people.hasFollowers(deps.database, authorId, deps.fanoutFollowersLimit))) return false;
  await people.setMergedAtRead(deps.database, authorId);
  mergedAuthorsOf.delete(deps);
  return true;
}

/**
 * Brings a reader's feed in line with whether they follow an author: fills in the author's posts, or takes them out.
 * Looks again afterwards: an unfollow and a follow may be handled at the same time, and the later one has to win.
 */
export async function syncFollow(deps: TimelinesDeps, readerId: string, authorId: string): Promise<void> {
  const { database, redis, homeSize } = deps;
  for (let round = 0; round < MOST_SYNCS; round++) {
    const before = await people.findFollow(database, readerId, authorId);
    // A feed never holds more of anybody than it holds at all.
    const newest = await listOfAuthors(database, [authorId], { after: null, limit: homeSize });
    const ids = newest.map((entry) => entry.id);
    if (before.active) await feeds.deliverToFeeds(redis, [readerId], ids, homeSize);
    else await feeds.removeFromFeed(redis, readerId, ids);
    const after = await people.findFollow(database, readerId, authorId);
    if (after.version === before.version) return;
  }
}
