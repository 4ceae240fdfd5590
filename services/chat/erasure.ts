import type { ChatDeps } from './deps';
import { removeUserFromRooms } from './members/store';
import { anonymizeMessages } from './messages/store';
import { ANONYMOUS_ID } from './messages/views';

/** Anonymizes the messages of an erased user, and ends their memberships and ownerships. */
export async function eraseUser({ database }: Pick<ChatDeps, 'database'>, userId: string): Promise<void> {
  await anonymizeMessages(database, userId, ANONYMOUS_ID);
  await removeUserFromRooms(database, userId);
}
