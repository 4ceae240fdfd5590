import type { TimelinesDeps } from '../deps';
import * as followers from './followers-store';
import { addToFeeds } from './store';

export type FanOutDeps = Pick<
  TimelinesDeps,
  'database' | 'redis' | 'homeSize' | 'fanoutFollowersLimit' | 'mergedAuthors'
>;

/** A post on its way to the next followers of its author. */
export interface FanOut {
  readonly postId: string;
  readonly authorId: string;
  /** Null for the first batch, which includes the author. */
  readonly afterFollower: string | null;
  /** Size of the batch. */
  readonly limit: number;
}

export interface FanOutResult {
  /** How many feeds the post was added to. */
  readonly delivered: number;
  /** After which follower the next batch starts; undefined after the last. */
  readonly nextAfterFollower: string | undefined;
}

/**
 * Delivers posts into the feeds of the next followers of their authors, all with the same few statements and one pipeline of
 * feed updates. Idempotent. Fails while Redis is unavailable.
 *
 * @returns a result for each, in their order
 */
export async function deliverPosts(deps: FanOutDeps, fanOuts: readonly FanOut[]): Promise<FanOutResult[]> {
  const batches = await findBatches(deps, fanOuts);
  const postsOf = new Map<string, string[]>();
  for (const [{ postId }, { readers }] of batches)
    for (const reader of readers) {
      const posts = postsOf.get(reader);
      if (posts === undefined) postsOf.set(reader, [postId]);
      else posts.push(postId);
    }
  const withFeed = await addToFeeds(deps.redis, postsOf, deps.homeSize);
  return fanOuts.map((fanOut) => {
    const { readers, next } = batches.get(fanOut) ?? NOBODY;
    return {
      delivered: readers.reduce((count, reader) => count + (withFeed.has(reader) ? 1 : 0), 0),
      nextAfterFollower: next,
    };
  });
}

interface Batch {
  readonly readers: readonly string[];
  readonly next: string | undefined;
}

const NOBODY: Batch = { readers: [], next: undefined };

/** The readers of each post that still exists. */
async function findBatches(deps: FanOutDeps, fanOuts: readonly FanOut[]): Promise<Map<FanOut, Batch>> {
  const { database } = deps;
  const existing = await followers.listExisting(database, [...new Set(fanOuts.map(({ postId }) => postId))]);
  const present = fanOuts.filter(({ postId }) => existing.has(postId));
  const isMerged = ({ postId, afterFollower }: FanOut) =>
    afterFollower === null && existing.get(postId)?.isMerged === true;
  const fannedOut = present.filter((fanOut) => !isMerged(fanOut));
  const pages = await followers.listFollowersOfEach(
    database,
    fannedOut.map(({ authorId, afterFollower, limit }) => ({
      followeeId: authorId,
      after: afterFollower,
      limit,
    })),
  );
  const batches = new Map<FanOut, Batch>(
    present.filter(isMerged).map((fanOut) => [fanOut, { ...NOBODY, readers: [fanOut.authorId] }]),
  );
  for (const [index, fanOut] of fannedOut.entries())
    batches.set(fanOut, await batchOf(deps, fanOut, pages[index] ?? []));
  return batches;
}

async function batchOf(deps: FanOutDeps, fanOut: FanOut, page: readonly string[]): Promise<Batch> {
  const { authorId, afterFollower, limit } = fanOut;
  const next = page.length === limit ? page.at(-1) : undefined;
  if (afterFollower !== null) return { readers: page, next };
  if (await becomesMerged(deps, fanOut, page.length)) return { ...NOBODY, readers: [authorId] };
  return { readers: [authorId, ...page], next };
}

/** Decided with the first batch of a post and stored, so that home timelines merge the author from then on. */
async function becomesMerged(
  { database, fanoutFollowersLimit, mergedAuthors }: FanOutDeps,
  { authorId, limit }: FanOut,
  listed: number,
): Promise<boolean> {
  if (listed < Math.min(limit, fanoutFollowersLimit)) return false;
  if (!(await followers.hasFollowers(database, authorId, fanoutFollowersLimit))) return false;
  await followers.setMergedAtRead(database, authorId);
  mergedAuthors.invalidate();
  return true;
}
