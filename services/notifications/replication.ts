import type { PostDeleted } from '#contracts/events/posts';
import type {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserFollowRequestClosed,
  UserMuted,
  UserUnblocked,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import { inTransaction } from '#kit/mysql/database';
import { deleteActor, deleteActorFrom, deleteRecipient, endObject, endSubject } from './deletion-store';
import type { NotificationsDeps } from './deps';
import { deleteRelations, upsertPerson, upsertRestriction } from './people-store';
import { blocks, mutes } from './schema';

export type ReplicatedEvent = MessageOf<
  | typeof UserCreated
  | typeof UserUpdated
  | typeof UserDeleted
  | typeof UserBlocked
  | typeof UserUnblocked
  | typeof UserMuted
  | typeof UserUnmuted
  | typeof UserFollowRequestClosed
  | typeof PostDeleted
>;

/**
 * Applies an event of users or timelines to the replicas of people and their relations, and deletes the notifications it
 * makes obsolete. Idempotent, and independent of the order of delivery: rows are updated by version, and deletions are
 * repeated on every delivery, because an earlier attempt may have failed halfway.
 */
export async function applyEvent({ database }: NotificationsDeps, event: ReplicatedEvent): Promise<void> {
  switch (event.name) {
    case 'user.created':
    case 'user.updated': {
      const { id, username, display_name, avatar_url, version } = event.data;
      const person = { id, username, displayName: display_name, avatarUrl: avatar_url, version };
      return upsertPerson(database, { ...person, deleted: false });
    }
    case 'user.deleted': {
      const { id, version } = event.data;
      const erased = { id, username: '', displayName: '', avatarUrl: null, version, deleted: true };
      await upsertPerson(database, erased);
      await inTransaction(database, (transaction) => deleteRelations(transaction, id));
      await deleteRecipient(database, id);
      return deleteActor(database, id);
    }
    case 'user.blocked':
    case 'user.unblocked': {
      const { blocker_id: userId, blocked_id: otherId, version } = event.data;
      const active = event.name === 'user.blocked';
      await upsertRestriction(database, blocks, { userId, otherId, active, version });
      if (!active) return;
      await deleteActorFrom(database, userId, otherId);
      return deleteActorFrom(database, otherId, userId);
    }
    case 'user.muted':
    case 'user.unmuted': {
      const { muter_id: userId, muted_id: otherId, version } = event.data;
      const active = event.name === 'user.muted';
      await upsertRestriction(database, mutes, { userId, otherId, active, version });
      if (active) await deleteActorFrom(database, userId, otherId);
      return;
    }
    case 'post.deleted': {
      const { id, author_id } = event.data;
      await endObject(database, 'post', id);
      return endSubject(database, id, author_id);
    }
    case 'user.follow-request-closed':
      return endObject(database, 'follow-request', event.data.id);
  }
}
