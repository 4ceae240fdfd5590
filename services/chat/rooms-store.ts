import { and, asc, eq, gt, inArray, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { type Database, type Executor, isDuplicate, type Transaction } from '#kit/mysql/database';
import { roomMembers, rooms } from './schema';

export type RoomRow = typeof rooms.$inferSelect;
export type MemberRow = typeof roomMembers.$inferSelect;

const NOW = sql<Date>`utc_timestamp(3)`;

/** The room's row is not there any more: unused rooms are swept. */
export class RoomGone extends Error {}

/** Locks a room until the transaction ends. */
export async function lockRoom(
  transaction: Transaction,
  roomId: number,
): Promise<{ lastSeq: number; now: Date }> {
  const [row] = await transaction
    .select({ lastSeq: rooms.lastSeq, now: sql`utc_timestamp(3)`.mapWith(rooms.createdAt) })
    .from(rooms)
    .where(eq(rooms.id, roomId))
    .for('update');
  if (row === undefined) throw new RoomGone();
  return row;
}

export async function moveLastSeq(transaction: Transaction, roomId: number, lastSeq: number): Promise<void> {
  await transaction.update(rooms).set({ lastSeq }).where(eq(rooms.id, roomId));
}

export async function findRoom(executor: Executor, name: string): Promise<RoomRow | undefined> {
  const [room] = await executor.select().from(rooms).where(eq(rooms.name, name));
  return room;
}

/** @returns false when the name is taken */
export async function insertRoom(
  executor: Executor,
  room: Pick<RoomRow, 'name' | 'epoch' | 'isPrivate' | 'ownerId'>,
): Promise<boolean> {
  try {
    await executor.insert(rooms).values({ ...room, createdAt: NOW });
    return true;
  } catch (failure) {
    if (isDuplicate(failure, 'rooms_name')) return false;
    throw failure;
  }
}

/** The newest number of each room; those that are gone are missing. */
export async function lastSeqs(database: Database, roomIds: readonly number[]): Promise<Map<number, number>> {
  if (roomIds.length === 0) return new Map();
  const rows = await database
    .select({ id: rooms.id, lastSeq: rooms.lastSeq })
    .from(rooms)
    .where(inArray(rooms.id, [...roomIds]));
  return new Map(rows.map((row) => [row.id, row.lastSeq]));
}

/** Rooms somebody may enter, by name. */
export async function listRooms(
  database: Database,
  request: { userId: string | null; afterName: string; limit: number },
): Promise<RoomRow[]> {
  const member = request.userId !== null && isUuid(request.userId) ? request.userId : undefined;
  const rows = await database
    .select({ room: rooms })
    .from(rooms)
    .leftJoin(
      roomMembers,
      and(
        eq(roomMembers.roomId, rooms.id),
        member === undefined ? sql`false` : eq(roomMembers.userId, member),
      ),
    )
    .where(
      and(gt(rooms.name, request.afterName), or(eq(rooms.isPrivate, false), isNotNull(roomMembers.userId))),
    )
    .orderBy(asc(rooms.name))
    .limit(request.limit);
  return rows.map(({ room }) => room);
}

/** Adding again changes nothing. */
export async function addMembers(
  executor: Executor,
  roomId: number,
  people: readonly { id: string; username: string }[],
): Promise<void> {
  if (people.length === 0) return;
  await executor
    .insert(roomMembers)
    .values(people.map(({ id, username }) => ({ roomId, userId: id, username, addedAt: NOW })))
    .onDuplicateKeyUpdate({ set: { username: sql`values(${roomMembers.username})` } });
}

/** @returns the ids of those who were members under that name */
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

/** Of those given, who are members. */
export async function membersAmong(
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

export async function forgetMember(database: Database, userId: string): Promise<void> {
  await database.delete(roomMembers).where(eq(roomMembers.userId, userId));
  await database.update(rooms).set({ ownerId: null }).where(eq(rooms.ownerId, userId));
}

/**
 * Deletes rooms that were entered and never used: anybody can make one by its address.
 *
 * @returns how many, at most `limit`
 */
export async function deleteUnusedRooms(database: Database, days: number, limit: number): Promise<number> {
  const [result] = await database
    .delete(rooms)
    .where(
      and(
        eq(rooms.lastSeq, 0),
        isNull(rooms.ownerId),
        eq(rooms.isPrivate, false),
        lt(rooms.createdAt, sql`utc_timestamp(3) - interval ${days} day`),
      ),
    )
    .limit(limit);
  return result.affectedRows;
}
