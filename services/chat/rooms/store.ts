import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  or,
  sql,
} from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/mysql-core';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { roomMembers, rooms } from '../schema';

export type RoomRow = Omit<typeof rooms.$inferSelect, 'publicName'>;

/** The room's row has been deleted: unused rooms are cleaned up. */
export class RoomDeleted extends Error {
  override readonly name = 'RoomDeleted';
}

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
  if (row === undefined) throw new RoomDeleted();
  return row;
}

export async function updateLastSeq(
  transaction: Transaction,
  roomId: number,
  lastSeq: number,
): Promise<void> {
  await transaction.update(rooms).set({ lastSeq }).where(eq(rooms.id, roomId));
}

/** Makes copies of the room's messages in memory stale, on all instances. Locks the room until the transaction ends. */
export async function markRevised(transaction: Transaction, roomId: number): Promise<void> {
  await transaction
    .update(rooms)
    .set({ revision: sql`${rooms.revision} + 1` })
    .where(eq(rooms.id, roomId));
}

/**
 * The room that a name means to a user: the private one of that name that they are a member of, otherwise the public one.
 * So a private room is to everybody else as if it did not exist.
 *
 * @param userId null for an anonymous user
 */
export async function findRoom(
  executor: Executor,
  name: string,
  userId: string | null,
): Promise<RoomRow | undefined> {
  const [found] = await executor
    .select({ room: rooms })
    .from(rooms)
    .leftJoin(roomMembers, isMembershipOf(userId))
    .where(and(eq(rooms.name, name), isOpenToMember))
    .orderBy(desc(rooms.isPrivate))
    .limit(1);
  return found?.room;
}

const isMembershipOf = (userId: string | null) =>
  and(
    eq(roomMembers.roomId, rooms.id),
    userId !== null && isUuid(userId) ? eq(roomMembers.userId, userId) : sql`false`,
  );

const isOpenToMember = or(eq(rooms.isPrivate, false), isNotNull(roomMembers.userId));

export async function findRoomById(executor: Executor, id: number): Promise<RoomRow | undefined> {
  const [room] = await executor.select().from(rooms).where(eq(rooms.id, id));
  return room;
}

/** Locks the rooms of a name, and the place of further ones, until the transaction ends. */
export async function lockRoomName(transaction: Transaction, name: string): Promise<void> {
  await transaction.select({ id: rooms.id }).from(rooms).where(eq(rooms.name, name)).for('update');
}

/** @returns its id; undefined when there is a public room of that name */
export async function insertRoom(
  executor: Executor,
  room: Pick<RoomRow, 'name' | 'epoch' | 'isPrivate' | 'ownerId'>,
): Promise<number | undefined> {
  try {
    const [inserted] = await executor.insert(rooms).values({ ...room, createdAt: DATABASE_NOW });
    return inserted.insertId;
  } catch (failure) {
    if (isDuplicate(failure, 'rooms_name')) return undefined;
    throw failure;
  }
}

/** How far a room has come: copies in memory that know less are stale. */
export type RoomState = Pick<RoomRow, 'lastSeq' | 'revision'>;

/** The state of each room; deleted rooms are missing. */
export async function readRoomStates(
  database: Database,
  roomIds: readonly number[],
): Promise<Map<number, RoomState>> {
  if (roomIds.length === 0) return new Map();
  const rows = await database
    .select({ id: rooms.id, lastSeq: rooms.lastSeq, revision: rooms.revision })
    .from(rooms)
    .where(inArray(rooms.id, [...roomIds]));
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * The rooms a user may join, by name; a private and a public one may share a name. Public rooms and the user's own are read
 * from an index each: whoever joins both reads every room.
 */
export async function listRooms(
  database: Database,
  request: { userId: string | null; after: readonly [name: string, epoch: string] | null; limit: number },
): Promise<RoomRow[]> {
  const { userId, after, limit } = request;
  const columns = getTableColumns(rooms);
  const isAfter = (name: typeof rooms.name | typeof rooms.publicName) =>
    after === null
      ? isNotNull(name)
      : and(gte(name, after[0]), or(gt(name, after[0]), gt(rooms.epoch, after[1])));
  const open = database
    .select(columns)
    // Whatever the statistics say: a page is short, and there may be many rooms.
    .from(rooms, { forceIndex: 'rooms_name' })
    .where(isAfter(rooms.publicName))
    .orderBy(asc(rooms.publicName))
    .limit(limit);
  if (userId === null || !isUuid(userId)) return open;
  const own = database
    .select(columns)
    .from(roomMembers)
    .innerJoin(rooms, eq(rooms.id, roomMembers.roomId))
    .where(and(eq(roomMembers.userId, userId), eq(rooms.isPrivate, true), isAfter(rooms.name)))
    .orderBy(asc(rooms.name), asc(rooms.epoch))
    .limit(limit);
  return unionAll(open, own).orderBy(asc(rooms.name), asc(rooms.epoch)).limit(limit);
}

/**
 * Deletes public rooms that were joined and never used: any client can create one by joining it.
 *
 * @returns their number, at most `limit`
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
