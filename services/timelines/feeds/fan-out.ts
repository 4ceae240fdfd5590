import type { TimelinesDeps } from '../deps';
import { openViewer } from '../people/viewer';
import { findPost } from '../posts/find';
import * as followers from './followers-store';
import { deliverToFeeds } from './store';

/**
 * Delivers a post into the feeds of the next followers; the first batch includes the author. Fails while Redis is
 * unavailable, for the worker to retry.
 *
 * @returns how many feeds the post was added to, and after which follower the next batch starts; undefined after the last
 */
export async function deliverPost(
  deps: TimelinesDeps,
  delivery: { postId: string; authorId: string; afterFollower: string | null; limit: number },
): Promise<{ delivered: number; nextAfterFollower: string | undefined }> {
  const { postId, authorId, afterFollower, limit } = delivery;
  if ((await findPost(deps, await openViewer(deps, null), postId)) === undefined)
    return { delivered: 0, nextAfterFollower: undefined };
  const isFirst = afterFollower === null;
  const batch =
    isFirst && (await decideMergedAtRead(deps, authorId))
      ? []
      : await followers.listFollowers(deps.database, authorId, { after: afterFollower, limit });
  const readers = isFirst ? [authorId, ...batch] : batch;
  const delivered = await deliverToFeeds(deps.redis, readers, [postId], deps.homeSize);
  return { delivered, nextAfterFollower: batch.length === limit ? batch.at(-1) : undefined };
}

/** Decided with the first batch of a post and stored, so that home timelines merge the author from then on. */
async function decideMergedAtRead(deps: TimelinesDeps, authorId: string): Promise<boolean> {
  if (await followers.isMergedAtRead(deps.database, authorId)) return true;
  if (!(await followers.hasFollowers(deps.database, authorId, deps.fanoutFollowersLimit))) return false;
  await followers.setMergedAtRead(deps.database, authorId);
  deps.mergedAuthors.invalidate();
  return true;
}
