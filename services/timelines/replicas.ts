import type {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserFollowed,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import { inTransaction } from '#kit/mysql/database';
import { deleteFeed } from './feed-store';
import { syncFollow } from './feeds';
import * as people from './people-store';
import { blocks, mutes } from './schema';
import type { TimelinesDeps } from './service';
import * as store from './store';

/** Posts of an erased person removed in one go. */
const ERASED_TOGETHER = 200;

type UserEvent = MessageOf<
  | typeof UserCreated
  | typeof UserUpdated
  | typeof UserDeleted
  | typeof UserFollowed
  | typeof UserUnfollowed
  | typeof UserBlocked
  | typeof UserUnblocked
  | typeof UserMuted
  | typeof UserUnmuted
>;

/**
 * Takes over what users tells. Late and repeated events change nothing: rows go by versions, and what follows from a
 * row (a feed, an erasure) is brought in line with it each time, also when an earlier try stopped half-way.
 */
export async function takeOver(deps: TimelinesDeps, event: UserEvent): Promise<void> {
  const { database } = deps;
  switch (event.name) {
    case 'user.created':
    case 'user.updated': {
      const { id, username, display_name, avatar_url, version } = event.data;
      const person = { id, username, displayName: display_name, avatarUrl: avatar_url, version };
      return people.keepPerson(database, { ...person, deleted: false });
    }
    case 'user.deleted':
      return erase(deps, event.data);
    case 'user.followed':
    case 'user.unfollowed': {
      const { follower_id, followee_id, version } = event.data;
      const active = event.name === 'user.followed';
      await people.keepFollow(database, {
        followerId: follower_id,
        followeeId: followee_id,
        active,
        version,
      });
      return syncFollow(deps, follower_id, followee_id);
    }
    case 'user.blocked':
    case 'user.unblocked': {
      const { blocker_id, blocked_id, version } = event.data;
      const active = event.name === 'user.blocked';
      return people.keepDecision(database, blocks, {
        userId: blocker_id,
        otherId: blocked_id,
        active,
        version,
      });
    }
    case 'user.muted':
    case 'user.unmuted': {
      const { muter_id, muted_id, version } = event.data;
      const active = event.name === 'user.muted';
      return people.keepDecision(database, mutes, { userId: muter_id, otherId: muted_id, active, version });
    }
  }
}

/** Removes everything of a person. Their row stays, empty, so that nothing late brings them back. */
async function erase(deps: TimelinesDeps, person: { id: string; version: number }): Promise<void> {
  const { database } = deps;
  const { id, version } = person;
  await people.keepPerson(database, {
    id,
    username: '',
    displayName: '',
    avatarUrl: null,
    version,
    deleted: true,
  });
  await inTransaction(database, (transaction) => people.deleteRelations(transaction, id));
  await store.deleteMentionsOf(database, id);
  for (;;) {
    const posts = await store.listEverythingOf(database, id, ERASED_TOGETHER);
    for (const post of posts)
      await inTransaction(database, (transaction) => store.erasePost(transaction, post));
    if (posts.length < ERASED_TOGETHER) break;
  }
  await deleteFeed(deps.redis, id);
}
