import {
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
import type { TimelinesDeps } from '../deps';
import { deleteFeed } from '../feeds/store';
import { syncFollow } from '../feeds/sync';
import { changesOfPost } from '../posts/changes';
import { deleteAcceptedPostsOf, deleteMentionsOf, deleteRow, listAllPostsOf } from '../posts/deletion-store';
import { withdrawPost } from '../posts/write';
import { blocks, mutes } from '../schema';
import { deleteRelations, upsertFollow, upsertRestriction } from './relations-store';
import { upsertPerson } from './store';

const ERASURE_BATCH_POSTS = 200;

/** The events of the users service that it also sends directly: those who cause them see their effect at once. */
export const DIRECT_EVENTS = [
  UserUpdated,
  UserFollowed,
  UserUnfollowed,
  UserBlocked,
  UserUnblocked,
  UserMuted,
  UserUnmuted,
] as const;

/** All events of the users service that are replicated. */
export const USER_EVENTS = [UserCreated, UserDeleted, ...DIRECT_EVENTS] as const;

export type UserEvent = MessageOf<(typeof USER_EVENTS)[number]>;

/**
 * Applies an event of the users service to the replicas of people and their relations: once it is delivered, and before
 * that where the users service sends it directly. Idempotent, and independent of the order: rows are updated by version. What is derived from a row (a feed, an erasure) is brought in line
 * with it on every delivery, because an earlier attempt may have failed halfway.
 */
export async function applyEvent(deps: TimelinesDeps, event: UserEvent): Promise<void> {
  const { database, changes } = deps;
  switch (event.name) {
    case 'user.created':
    case 'user.updated': {
      const { id, username, display_name, avatar_url, version } = event.data;
      const person = { id, username, displayName: display_name, avatarUrl: avatar_url, version };
      await upsertPerson(database, { ...person, deleted: false });
      return changes.announce([{ kind: 'person', personId: id }]);
    }
    case 'user.deleted':
      return erasePerson(deps, event.data);
    case 'user.followed':
    case 'user.unfollowed': {
      const { follower_id: followerId, followee_id: followeeId, version } = event.data;
      const active = event.name === 'user.followed';
      await upsertFollow(database, { followerId, followeeId, active, version });
      await changes.announce([{ kind: 'relations', personId: followerId }]);
      return syncFollow(deps, followerId, followeeId);
    }
    case 'user.blocked':
    case 'user.unblocked': {
      const { blocker_id: userId, blocked_id: otherId, version } = event.data;
      const active = event.name === 'user.blocked';
      await upsertRestriction(database, blocks, { userId, otherId, active, version });
      return changes.announce([userId, otherId].map((personId) => ({ kind: 'relations', personId })));
    }
    case 'user.muted':
    case 'user.unmuted': {
      const { muter_id: userId, muted_id: otherId, version } = event.data;
      const active = event.name === 'user.muted';
      await upsertRestriction(database, mutes, { userId, otherId, active, version });
      return changes.announce([{ kind: 'relations', personId: userId }]);
    }
  }
}

/** Deletes everything of a person but an empty row, which rejects late events by its version. */
async function erasePerson(deps: TimelinesDeps, person: { id: string; version: number }): Promise<void> {
  const { database, changes } = deps;
  const { id, version } = person;
  const erased = { id, username: '', displayName: '', avatarUrl: null, version, deleted: true };
  await upsertPerson(database, erased);
  await changes.announce([{ kind: 'person', personId: id }]);
  await inTransaction(database, (transaction) => deleteRelations(transaction, id));
  await deleteMentionsOf(database, id);
  await deleteAcceptedPostsOf(database, id);
  for (;;) {
    const posts = await listAllPostsOf(database, id, ERASURE_BATCH_POSTS);
    for (const post of posts)
      await inTransaction(database, async (transaction) => {
        await withdrawPost(transaction, post, null);
        await deleteRow(transaction, post.id);
      });
    await changes.announce(posts.flatMap(changesOfPost));
    // What others hold about these posts goes with them: likes, notifications.
    deps.outbox.wake();
    if (posts.length < ERASURE_BATCH_POSTS) break;
  }
  await deleteFeed(deps.redis, id);
}
