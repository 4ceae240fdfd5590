import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor } from '#kit/mysql/database';
import { roomMembers, rooms } from '../schema';

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
    .values(users.map(({ id, username }) => ({ roomId, userId: id, username, addedAt: DATABASE_NOW })))
    .onDuplicateKeyUpdate({ set: { username: sql`values(${roomMembers.username})` } });
}

/** @returns the ids of the members that had this username */
export async function removeMember(database: Database, roomId: number, username: string): Promise<string[]> {
  const named = and(eq(roomMembers.roomId, roomId), eq(roomMembers.username, username));
  const rows = await database.select({ id: roomMembers.userId }).from(roomMembers).where(named);
  await database.delete(roomMembers).where(named);
  return rows.map(({ id }) => id);
}

export async function isMember(database: Database, roomId: number, userId: string): Promise<boolean> {
  const [row] = await database
    .select({ id: roomMembers.userId })
    .from(roomMembers)
    .where(and(eq(roomMembers.roomId, roomId), eq(roomMembers.userId, userId)));
  return row !== undefined;
}

/** Which of the users are members. */
export async function filterMembers(
  database: Database,
  roomId: number,
  userIds: readonly string[],
): Promise<Set<string>> {
  if (userIds.length === 0) return new Set();
  const rows = await database
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
        afterUserId === null || !isUuid(afterUserId) ? undefined : gt(roomMembers.userId, afterUserId),
      ),
    )
    .orderBy(asc(roomMembers.userId))
    .limit(limit);
}

/** Ends a user's memberships and ownerships. */
export async function removeUserFromRooms(database: Database, userId: string): Promise<void> {
  await database.delete(roomMembers).where(eq(roomMembers.userId, userId));
  await database.update(rooms).set({ ownerId: null }).where(eq(rooms.ownerId, userId));
}
