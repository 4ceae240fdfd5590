import type { PostDeleted } from '#contracts/events/posts';
import type {
  UserBlocked,
  UserCreated,
  UserDeleted,
  UserMuted,
  UserUnblocked,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import { inTransaction } from '#kit/mysql/database';
import * as people from './people-store';
import { removeActorEverywhere, removeActorFrom, removeObject, removeRecipient } from './removal-store';
import { blocks, mutes } from './schema';
import type { NotificationsDeps } from './service';

type Event = MessageOf<
  | typeof UserCreated
  | typeof UserUpdated
  | typeof UserDeleted
  | typeof UserBlocked
  | typeof UserUnblocked
  | typeof UserMuted
  | typeof UserUnmuted
  | typeof PostDeleted
>;

/**
 * Takes over what users and timelines tell. Late and repeated events change nothing: rows go by versions, and what
 * follows from a row is done each time, also when an earlier try stopped half-way.
 */
export async function takeOver({ database }: NotificationsDeps, event: Event): Promise<void> {
  switch (event.name) {
    case 'user.created':
    case 'user.updated': {
      const { id, username, display_name, avatar_url, version } = event.data;
      const person = { id, username, displayName: display_name, avatarUrl: avatar_url, version };
      return people.keepPerson(database, { ...person, deleted: false });
    }
    case 'user.deleted': {
      const { id, version } = event.data;
      const gone = { id, username: '', displayName: '', avatarUrl: null, version, deleted: true };
      await people.keepPerson(database, gone);
      await inTransaction(database, (transaction) => people.deleteRelations(transaction, id));
      await removeRecipient(database, id);
      return removeActorEverywhere(database, id);
    }
    case 'user.blocked':
    case 'user.unblocked': {
      const { blocker_id, blocked_id, version } = event.data;
      const active = event.name === 'user.blocked';
      await people.keepDecision(database, blocks, {
        userId: blocker_id,
        otherId: blocked_id,
        active,
        version,
      });
      if (!active) return;
      await removeActorFrom(database, blocker_id, blocked_id);
      return removeActorFrom(database, blocked_id, blocker_id);
    }
    case 'user.muted':
    case 'user.unmuted': {
      const { muter_id, muted_id, version } = event.data;
      const active = event.name === 'user.muted';
      await people.keepDecision(database, mutes, { userId: muter_id, otherId: muted_id, active, version });
      if (active) await removeActorFrom(database, muter_id, muted_id);
      return;
    }
    case 'post.deleted':
      return removeObject(database, event.data.id);
  }
}
