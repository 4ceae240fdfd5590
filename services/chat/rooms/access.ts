import { BEARER_CHALLENGE } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import { Unauthenticated } from '#kit/errors/problem';
import { identityKey } from '#kit/text/identity';
import type { ChatDeps } from '../deps';
import { isMember } from '../members/store';
import { NotAMember, RoomNotFound } from './model';
import { findRoom, type RoomRow } from './store';

type AccessDeps = Pick<ChatDeps, 'database' | 'anonymous'>;

/** Rooms whose names look alike are one room. */
export const normalizeRoomName = (name: string): string => identityKey(name, 'distinguish');

/** Whether a text could be the stored name of a room, also of one that an earlier version has accepted. */
export const isRoomKey = (text: string): boolean =>
  text !== '' && text.isWellFormed() && normalizeRoomName(text) === text;

/** @throws Unauthenticated, NotAMember */
export async function findReadableRoom(
  deps: AccessDeps,
  caller: Caller | null,
  name: string,
): Promise<RoomRow | undefined> {
  assertMayRead(deps, caller);
  const room = await findRoom(deps.database, normalizeRoomName(name));
  if (room !== undefined) await assertMember(deps, caller, room);
  return room;
}

/** @throws RoomNotFound, Unauthenticated, NotAMember */
export async function requireReadableRoom(
  deps: AccessDeps,
  caller: Caller | null,
  name: string,
): Promise<RoomRow> {
  const room = await findReadableRoom(deps, caller, name);
  if (room === undefined) throw new RoomNotFound();
  return room;
}

/** @throws Unauthenticated where anonymous access is off */
export function assertMayRead({ anonymous }: Pick<ChatDeps, 'anonymous'>, caller: Caller | null): void {
  if (caller === null && !anonymous) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
}

async function assertMember(deps: AccessDeps, caller: Caller | null, room: RoomRow): Promise<void> {
  if (!room.isPrivate) return;
  if (caller === null) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
  if (!(await isMember(deps.database, room.id, caller.id)))
    throw new NotAMember({ detail: 'Ask the owner of the room to add you.' });
}
