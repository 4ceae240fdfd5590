import type { ChatDeps } from './deps';
import * as members from './members/store';
import { anonymizeMessages, deleteHistory } from './messages/store';
import { ANONYMOUS_ID } from './messages/views';

/**
 * Anonymizes the messages of an erased user, and ends their memberships. Their rooms pass to the longest-standing member;
 * a private room without further members, which nobody could enter or manage, is deleted.
 */
export async function eraseUser({ database }: Pick<ChatDeps, 'database'>, userId: string): Promise<void> {
  await anonymizeMessages(database, userId, ANONYMOUS_ID);
  for (const roomId of await members.listOwnedRooms(database, userId)) {
    if (await members.passOwnership(database, roomId, userId)) continue;
    await deleteHistory(database, roomId);
    await members.deleteRoom(database, roomId);
  }
  await members.removeMemberships(database, userId);
}
