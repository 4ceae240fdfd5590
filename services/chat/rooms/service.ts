import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import type { ChatDeps } from '../deps';
import { addOrInvite, resolveInvited } from '../invitations/service';
import { addMembers } from '../members/store';
import { assertMayRead, findReadableRoom, isRoomKey, normalizeRoomName, requireReadableRoom } from './access';
import { type NewRoom, type Room, type RoomInfo, RoomNotFound } from './model';
import { assertNoOwn, nameTaken } from './own-rooms';
import * as store from './store';
import { roomView } from './views';

export async function listRooms(
  deps: ChatDeps,
  caller: Caller | null,
  query: PageQuery,
): Promise<Page<Room>> {
  assertMayRead(deps, caller);
  const { limit, after } = readPageQuery(query, [isRoomKey, uuidKey]);
  const request = { userId: caller?.id ?? null, after, limit: limit + 1 };
  const rows = await store.listRooms(deps.database, request);
  return toPage(rows, limit, (row) => [row.name, row.epoch], roomView);
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

/**
 * Creates a room with an owner, who is its first member.
 *
 * @throws RoomExists when there is a public room of that name, or a private one that the caller is a member of
 */
export async function createRoom(deps: ChatDeps, caller: Caller, input: NewRoom): Promise<Room> {
  const people = await resolveInvited(deps, caller, input.members ?? []);
  const name = normalizeRoomName(input.name);
  const isPrivate = input.private ?? false;
  const room = await inTransaction(deps.database, async (transaction) => {
    if (isPrivate) await assertNoOwn(transaction, caller.id, name);
    const id = await store.insertRoom(transaction, { name, epoch: uuidv7(), isPrivate, ownerId: caller.id });
    if (id === undefined) throw nameTaken();
    await addMembers(transaction, id, [{ id: caller.id, username: caller.username }]);
    await addOrInvite(deps, transaction, { roomId: id, inviter: caller }, people);
    return store.findRoomById(transaction, id);
  });
  if (room === undefined) throw new RoomNotFound();
  return roomView(room);
}

/**
 * The room to join. An unknown name creates a public room.
 *
 * @throws Unauthenticated
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
