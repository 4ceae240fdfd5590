import type { TimelinesDeps } from '../deps';
import { listByAuthors } from '../lists/store';
import { findFollow } from '../people/relations-store';
import { deliverToFeeds, removeFromFeed } from './store';

/** A follow that keeps changing while its feed is brought in line is left to its next event. */
const MAX_ROUNDS = 5;

/**
 * Brings a reader's feed in line with whether they follow an author: adds the author's posts or removes them. The follow
 * is read again afterwards, because an unfollow and a follow may be handled concurrently and the later one must win.
 */
export async function syncFollow(deps: TimelinesDeps, readerId: string, authorId: string): Promise<void> {
  const { database, redis, homeSize } = deps;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = await findFollow(database, readerId, authorId);
    // A feed never has more posts of one author than it has posts.
    const newest = await listByAuthors(database, [authorId], { after: null, limit: homeSize });
    const ids = newest.map((entry) => entry.id);
    if (before.active) await deliverToFeeds(redis, [readerId], ids, homeSize);
    else await removeFromFeed(redis, readerId, ids);
    const after = await findFollow(database, readerId, authorId);
    if (after.version === before.version) return;
  }
}
