import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { Forbidden } from '#kit/errors/problem';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { inTransaction } from '#kit/mysql/database';
import { type Member, type NewRoom, NotTheOwner, type Room, RoomExists } from './model';
import * as rooms from './rooms-store';
import { type ChatDeps, normalName, readableRoom, roomView } from './service';

/** Makes a room that belongs to somebody; its owner is its first member. */
export async function createRoom(deps: ChatDeps, caller: Caller, input: NewRoom): Promise<Room> {
  const people = await Promise.all(
    [...new Set(input.members ?? [])].map(async (username) => ({
      id: await deps.findPerson(username),
      username,
    })),
  );
  const name = normalName(input.name);
  await inTransaction(deps.database, async (transaction) => {
    const made = await rooms.insertRoom(transaction, {
      name,
      epoch: uuidv7(),
      isPrivate: input.private ?? false,
      ownerId: caller.id,
    });
    const room = made ? await rooms.findRoom(transaction, name) : undefined;
    if (room === undefined) throw new RoomExists();
    await rooms.addMembers(transaction, room.id, [{ id: caller.id, username: caller.username }, ...people]);
  });
  return roomView(await readableRoom(deps, caller, name));
}

export async function listMembers(
  deps: ChatDeps,
  caller: Caller,
  name: string,
  query: PageQuery,
): Promise<Page<Member>> {
  const room = await readableRoom(deps, caller, name);
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await rooms.listMembers(deps.database, room.id, {
    afterUserId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(
    rows,
    limit,
    (row) => [row.userId],
    (row) => ({ username: row.username, added_at: row.addedAt.toISOString() }),
  );
}

export async function addMember(
  deps: ChatDeps,
  caller: Caller,
  target: { room: string; username: string },
): Promise<void> {
  const room = await readableRoom(deps, caller, target.room);
  if (room.ownerId !== caller.id) throw new NotTheOwner();
  const id = await deps.findPerson(target.username);
  await rooms.addMembers(deps.database, room.id, [{ id, username: target.username.toLowerCase() }]);
}

/** Members may leave; the owner may send away anybody else. Removing again changes nothing. */
export async function removeMember(
  deps: ChatDeps,
  caller: Caller,
  target: { room: string; username: string },
): Promise<void> {
  const room = await readableRoom(deps, caller, target.room);
  const isSelf = target.username.toLowerCase() === caller.username.toLowerCase();
  if (isSelf && room.ownerId === caller.id)
    throw new Forbidden({ detail: 'The owner of a room stays its member.' });
  if (!isSelf && room.ownerId !== caller.id) throw new NotTheOwner();
  const removed = await rooms.removeMember(deps.database, room.id, target.username);
  if (room.isPrivate && removed.length > 0) deps.live.expel(room, removed);
}
