import type { ChatDeps } from './deps';
import { deleteInvitationsOf } from './invitations/store';
import * as members from './members/store';
import { deleteHistory, eraseMessages, hasMessages } from './messages/store';
import { ANONYMOUS_ID } from './messages/views';
import { findRoomById } from './rooms/store';

type Storage = Pick<ChatDeps, 'database'>;

/**
 * Deletes the messages of an erased user, their invitations and memberships. Their rooms pass to the longest-standing member.
 * What nobody else uses goes with them: a private room without further members, a public one where nobody else has written.
 */
export async function eraseUser({ database }: Storage, userId: string): Promise<void> {
  const roomIds = await eraseMessages(database, userId, ANONYMOUS_ID);
  await deleteInvitationsOf(database, userId);
  for (const roomId of await members.listOwnedRooms(database, userId))
    if (!(await members.passOwnership(database, roomId, userId))) await deleteRoom({ database }, roomId);
  await members.removeMemberships(database, userId);
  for (const roomId of roomIds)
    if (await isAbandoned({ database }, roomId)) await deleteRoom({ database }, roomId);
}

/** A public room that was created by joining it, and in which nothing is left. */
async function isAbandoned({ database }: Storage, roomId: number): Promise<boolean> {
  const room = await findRoomById(database, roomId);
  return room?.ownerId === null && !room.isPrivate && !(await hasMessages(database, roomId));
}

async function deleteRoom({ database }: Storage, roomId: number): Promise<void> {
  await deleteHistory(database, roomId);
  await members.deleteRoom(database, roomId);
}
