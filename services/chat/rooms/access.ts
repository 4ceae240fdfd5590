import { BEARER_CHALLENGE } from '#kit/auth/bearer';
import type { Caller } from '#kit/auth/caller';
import { Unauthenticated } from '#kit/errors/problem';
import { identityKey } from '#kit/text/identity';
import type { ChatDeps } from '../deps';
import { NotTheOwner, RoomNotFound } from './model';
import { findRoom, type RoomRow } from './store';

type AccessDeps = Pick<ChatDeps, 'database' | 'anonymous'>;

/** Rooms whose names look alike are one room. */
export const normalizeRoomName = (name: string): string => identityKey(name, 'distinguish');

/** Whether a text could be the stored name of a room, also of one that an earlier version has accepted. */
export const isRoomKey = (text: string): boolean =>
  text !== '' && text.isWellFormed() && normalizeRoomName(text) === text;

/**
 * The room that a name means to the caller (`findRoom`).
 *
 * @throws Unauthenticated
 */
export async function findReadableRoom(
  deps: AccessDeps,
  caller: Caller | null,
  name: string,
): Promise<RoomRow | undefined> {
  assertMayRead(deps, caller);
  return findRoom(deps.database, normalizeRoomName(name), caller?.id ?? null);
}

/** @throws RoomNotFound, Unauthenticated */
export async function requireReadableRoom(
  deps: AccessDeps,
  caller: Caller | null,
  name: string,
): Promise<RoomRow> {
  const room = await findReadableRoom(deps, caller, name);
  if (room === undefined) throw new RoomNotFound();
  return room;
}

/** @throws RoomNotFound, NotTheOwner, Unauthenticated */
export async function requireOwnRoom(
  deps: AccessDeps,
  caller: Caller,
  name: string,
  detail: string,
): Promise<RoomRow> {
  const room = await requireReadableRoom(deps, caller, name);
  if (room.ownerId !== caller.id) throw new NotTheOwner({ detail });
  return room;
}

/** @throws Unauthenticated where anonymous access is off */
export function assertMayRead({ anonymous }: Pick<ChatDeps, 'anonymous'>, caller: Caller | null): void {
  if (caller === null && !anonymous) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
}
