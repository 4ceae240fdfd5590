import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import type { ChatDeps } from '../deps';
import { addMembers } from '../members/store';
import { assertMayRead, findReadableRoom, isRoomKey, normalizeRoomName, requireReadableRoom } from './access';
import { type NewRoom, type Room, RoomExists, type RoomInfo } from './model';
import * as store from './store';

export async function listRooms(
  deps: ChatDeps,
  caller: Caller | null,
  query: PageQuery,
): Promise<Page<Room>> {
  assertMayRead(deps, caller);
  const { limit, after } = readPageQuery(query, [isRoomKey]);
  const rows = await store.listRooms(deps.database, {
    userId: caller?.id ?? null,
    afterName: after?.[0] ?? '',
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [row.name], roomView);
}

/** A room that nobody has joined yet is an empty one: joining creates it. */
export async function readRoomInfo(deps: ChatDeps, caller: Caller | null, name: string): Promise<RoomInfo> {
  const room = await findReadableRoom(deps, caller, name);
  if (room === undefined)
    return { room: normalizeRoomName(name), active_connections: 0, members: [], private: false, last_seq: 0 };
  const { connections, members } = await deps.live.presence.read(room.epoch);
  return {
    room: room.name,
    active_connections: connections,
    members,
    private: room.isPrivate,
    last_seq: room.lastSeq,
  };
}

/** Creates a room with an owner, who is its first member. */
export async function createRoom(deps: ChatDeps, caller: Caller, input: NewRoom): Promise<Room> {
  const members = await Promise.all(
    [...new Set(input.members ?? [])].map(async (username) => ({
      id: await deps.resolveUser(username),
      username,
    })),
  );
  const name = normalizeRoomName(input.name);
  await inTransaction(deps.database, async (transaction) => {
    const isNew = await store.insertRoom(transaction, {
      name,
      epoch: uuidv7(),
      isPrivate: input.private ?? false,
      ownerId: caller.id,
    });
    const room = isNew ? await store.findRoom(transaction, name) : undefined;
    if (room === undefined) throw new RoomExists({ detail: 'Choose another name.' });
    await addMembers(transaction, room.id, [{ id: caller.id, username: caller.username }, ...members]);
  });
  return roomView(await requireReadableRoom(deps, caller, name));
}

/**
 * The room to join. An unknown name creates a public room.
 *
 * @throws Unauthenticated, NotAMember
 */
export async function findOrCreateRoom(
  deps: ChatDeps,
  caller: Caller | null,
  name: string,
): Promise<store.RoomRow> {
  const existing = await findReadableRoom(deps, caller, name);
  if (existing !== undefined) return existing;
  const room = { name: normalizeRoomName(name), epoch: uuidv7(), isPrivate: false, ownerId: null };
  await store.insertRoom(deps.database, room);
  return requireReadableRoom(deps, caller, name);
}

const roomView = (row: store.RoomRow): Room => ({
  name: row.name,
  private: row.isPrivate,
  last_seq: row.lastSeq,
  created_at: row.createdAt.toISOString(),
});
