import { and, asc, eq, gt, inArray, ne, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import { type Database, type Executor, inTransaction } from '#kit/mysql/database';
import { usernameKey } from '#kit/text/identity';
import { hasMessages } from '../messages/store';
import { roomInvitations, roomMembers, rooms } from '../schema';

export type MemberRow = typeof roomMembers.$inferSelect;

/** Idempotent. */
export async function addMembers(
  executor: Executor,
  roomId: number,
  users: readonly { id: string; username: string }[],
): Promise<void> {
  if (users.length === 0) return;
  await executor
    .insert(roomMembers)
    .values(
      users.map(({ id, username }) => ({
        roomId,
        userId: id,
        username: usernameKey(username),
        addedAt: DATABASE_NOW,
      })),
    )
    .onDuplicateKeyUpdate({ set: { username: sql`values(${roomMembers.username})` } });
}

/** @returns the ids of the members that had this username */
export async function removeMember(database: Database, roomId: number, username: string): Promise<string[]> {
  const named = and(eq(roomMembers.roomId, roomId), eq(roomMembers.username, usernameKey(username)));
  const rows = await database.select({ id: roomMembers.userId }).from(roomMembers).where(named);
  await database.delete(roomMembers).where(named);
  return rows.map(({ id }) => id);
}

/** Which of the users are members. */
export async function filterMembers(
  executor: Executor,
  roomId: number,
  userIds: readonly string[],
): Promise<Set<string>> {
  if (userIds.length === 0) return new Set();
  const rows = await executor
    .select({ id: roomMembers.userId })
    .from(roomMembers)
    .where(and(eq(roomMembers.roomId, roomId), inArray(roomMembers.userId, [...userIds])));
  return new Set(rows.map(({ id }) => id));
}

export async function listMembers(
  database: Database,
  roomId: number,
  request: { afterUserId: string | null; limit: number },
): Promise<MemberRow[]> {
  const { afterUserId, limit } = request;
  return database
    .select()
    .from(roomMembers)
    .where(
      and(
        eq(roomMembers.roomId, roomId),
        afterUserId === null ? undefined : gt(roomMembers.userId, afterUserId),
      ),
    )
    .orderBy(asc(roomMembers.userId))
    .limit(limit);
}

/** The rooms that a user is a member of. */
export async function listMemberships(
  database: Database,
  userId: string,
  page: { afterRoomId: number; limit: number },
): Promise<{ room: typeof rooms.$inferSelect; addedAt: Date }[]> {
  return database
    .select({ room: rooms, addedAt: roomMembers.addedAt })
    .from(roomMembers)
    .innerJoin(rooms, eq(rooms.id, roomMembers.roomId))
    .where(and(eq(roomMembers.userId, userId), gt(roomMembers.roomId, page.afterRoomId)))
    .orderBy(asc(roomMembers.roomId))
    .limit(page.limit);
}

/** Ends a user's memberships. */
export async function removeMemberships(database: Database, userId: string): Promise<void> {
  await database.delete(roomMembers).where(eq(roomMembers.userId, userId));
}

export async function listOwnedRooms(database: Database, userId: string): Promise<number[]> {
  const rows = await database.select({ id: rooms.id }).from(rooms).where(eq(rooms.ownerId, userId));
  return rows.map(({ id }) => id);
}

/**
 * Ends the ownership and membership of a room's owner. The longest-standing member becomes the owner; a public room in which
 * others have written remains without one.
 *
 * @returns false for any other room without members, which is left as it is
 */
export async function passOwnership(database: Database, roomId: number, ownerId: string): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [room] = await transaction.select().from(rooms).where(eq(rooms.id, roomId)).for('update');
    if (room === undefined || room.ownerId !== ownerId) return true;
    const [heir] = await transaction
      .select({ id: roomMembers.userId })
      .from(roomMembers)
      .where(and(eq(roomMembers.roomId, roomId), ne(roomMembers.userId, ownerId)))
      .orderBy(asc(roomMembers.addedAt), asc(roomMembers.userId))
      .limit(1);
    if (heir === undefined && (room.isPrivate || !(await hasMessages(transaction, roomId)))) return false;
    await transaction
      .update(rooms)
      .set({ ownerId: heir?.id ?? null })
      .where(eq(rooms.id, roomId));
    await transaction
      .delete(roomMembers)
      .where(and(eq(roomMembers.roomId, roomId), eq(roomMembers.userId, ownerId)));
    return true;
  });
}

/** Deletes a room with its members. Its history must be deleted before. */
export async function deleteRoom(database: Database, roomId: number): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await transaction.delete(rooms).where(eq(rooms.id, roomId));
    await transaction.delete(roomMembers).where(eq(roomMembers.roomId, roomId));
    await transaction.delete(roomInvitations).where(eq(roomInvitations.roomId, roomId));
  });
}
