import type { Caller } from '#kit/auth/caller';
import { isUuid, uuidv7 } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { Unauthenticated } from '#kit/errors/problem';
import { InvalidCursor, type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import type { Database } from '#kit/mysql/database';
import { changeFrame, messageView, NOBODY } from './frames';
import type { LiveRooms } from './live-rooms';
import * as messages from './messages-store';
import {
  type Message,
  MessageNotFound,
  type MessageQuery,
  NotAMember,
  NotTheAuthor,
  type Room,
  type RoomInfo,
  RoomNotFound,
} from './model';
import * as rooms from './rooms-store';

export interface ChatDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly live: LiveRooms;
  /** The id behind a username; throws the users service's `user.not-found`. */
  readonly findPerson: (username: string) => Promise<string>;
  /** Whether people may read and write without signing in. */
  readonly anonymous: boolean;
}

/** May delete what others have said. */
const MODERATE = 'chat:moderate';

/** Two spellings that look alike are one name. */
export const normalName = (name: string): string => name.normalize('NFC');

/** @throws Unauthenticated, NotAMember */
async function findReadable(
  deps: ChatDeps,
  caller: Caller | null,
  name: string,
): Promise<rooms.RoomRow | undefined> {
  mustBeKnown(deps, caller);
  const room = await rooms.findRoom(deps.database, normalName(name));
  if (room !== undefined) await mustBeMember(deps, caller, room);
  return room;
}

/** @throws RoomNotFound, Unauthenticated, NotAMember */
export async function readableRoom(
  deps: ChatDeps,
  caller: Caller | null,
  name: string,
): Promise<rooms.RoomRow> {
  const room = await findReadable(deps, caller, name);
  if (room === undefined) throw new RoomNotFound();
  return room;
}

/**
 * The room to be entered; one that is not there is made: whoever comes first opens it.
 *
 * @throws Unauthenticated, NotAMember
 */
export async function enterableRoom(
  deps: ChatDeps,
  caller: Caller | null,
  name: string,
): Promise<rooms.RoomRow> {
  const known = await findReadable(deps, caller, name);
  if (known !== undefined) return known;
  const fresh = { name: normalName(name), epoch: uuidv7(), isPrivate: false, ownerId: null };
  await rooms.insertRoom(deps.database, fresh);
  return readableRoom(deps, caller, name);
}

export async function listRooms(
  deps: ChatDeps,
  caller: Caller | null,
  query: PageQuery,
): Promise<Page<Room>> {
  mustBeKnown(deps, caller);
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await rooms.listRooms(deps.database, {
    userId: caller?.id ?? null,
    afterName: after?.[0] ?? '',
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [row.name], roomView);
}

/** A room nobody has entered yet is an empty one: it comes to be by being entered. */
export async function readInfo(deps: ChatDeps, caller: Caller | null, name: string): Promise<RoomInfo> {
  const room = await findReadable(deps, caller, name);
  if (room === undefined)
    return { room: normalName(name), active_connections: 0, members: [], private: false, last_seq: 0 };
  const { connections, members } = await deps.live.presence.read(room.epoch);
  return {
    room: room.name,
    active_connections: connections,
    members,
    private: room.isPrivate,
    last_seq: room.lastSeq,
  };
}

export async function listMessages(
  deps: ChatDeps,
  caller: Caller | null,
  name: string,
  query: MessageQuery,
): Promise<Page<Message>> {
  const room = await findReadable(deps, caller, name);
  if (room === undefined) return { items: [], next_cursor: null };
  const { limit, after: cursor } = readPageQuery<[string, string]>(query, 2);
  const { direction, seq } = cursor === null ? startOf(query) : placeOf(cursor);
  const rows = await messages.listMessages(deps.database, room.id, { direction, seq, limit: limit + 1 });
  const view = (row: messages.MessageRow) => messageView(room.name, row);
  const next = (row: messages.MessageRow) => [direction, String(row.seq)];
  if (direction === 'after') return toPage(rows, limit, next, view);
  const { items, next_cursor } = toPage(rows.reverse(), limit, next, view);
  return { items: items.reverse(), next_cursor };
}

type Place = { direction: 'after' | 'before'; seq: number };

const startOf = (query: MessageQuery): Place =>
  query.after_seq === undefined
    ? { direction: 'before', seq: query.before_seq ?? Number.MAX_SAFE_INTEGER }
    : { direction: 'after', seq: query.after_seq };

function placeOf([direction, seq]: readonly [string, string]): Place {
  const fits = (direction === 'after' || direction === 'before') && /^\d{1,15}$/.test(seq);
  if (!fits) throw new InvalidCursor();
  return { direction, seq: Number(seq) };
}

export async function editMessage(
  deps: ChatDeps,
  caller: Caller,
  target: { room: string; id: string },
  text: string,
): Promise<Message> {
  const { room, message } = await findMessage(deps, caller, target);
  if (message.senderId !== caller.id) throw new NotTheAuthor();
  await change(deps, room, message, text.toWellFormed());
  const changed = await messages.findMessage(deps.database, room.id, message.id);
  if (changed === undefined) throw new MessageNotFound();
  return messageView(room.name, changed);
}

export async function deleteMessage(
  deps: ChatDeps,
  caller: Caller,
  target: { room: string; id: string },
): Promise<void> {
  const { room, message } = await findMessage(deps, caller, target);
  if (message.senderId !== caller.id && !caller.permissions.includes(MODERATE)) throw new NotTheAuthor();
  await change(deps, room, message, null);
}

async function findMessage(deps: ChatDeps, caller: Caller, target: { room: string; id: string }) {
  const room = await readableRoom(deps, caller, target.room);
  const message = isUuid(target.id)
    ? await messages.findMessage(deps.database, room.id, target.id)
    : undefined;
  if (message === undefined || message.deletedAt !== null) throw new MessageNotFound();
  return { room, message };
}

async function change(
  deps: ChatDeps,
  room: rooms.RoomRow,
  message: messages.MessageRow,
  text: string | null,
): Promise<void> {
  const changed = await messages.changeMessage(deps.database, message, text);
  if (changed === undefined) throw new MessageNotFound();
  deps.live.spread(room, [changeFrame(room, changed)]);
}

/** What an erased person said stays, as nobody's. */
export async function forgetPerson(deps: Pick<ChatDeps, 'database'>, userId: string): Promise<void> {
  await messages.anonymise(deps.database, userId, NOBODY);
  await rooms.forgetMember(deps.database, userId);
}

const SWEEP_EVERY_MS = 60 * 60_000;
const SWEPT_AT_ONCE = 500;
const UNUSED_DAYS = 1;

export function sweepUnusedRooms(deps: Pick<ChatDeps, 'runtime' | 'database'>): void {
  repeatEvery(deps.runtime, 'deleting unused rooms', { everyMs: SWEEP_EVERY_MS }, async () => {
    while (!deps.runtime.closing.aborted)
      if ((await rooms.deleteUnusedRooms(deps.database, UNUSED_DAYS, SWEPT_AT_ONCE)) < SWEPT_AT_ONCE) return;
  });
}

function mustBeKnown(deps: ChatDeps, caller: Caller | null): void {
  if (caller === null && !deps.anonymous)
    throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer' } });
}

async function mustBeMember(deps: ChatDeps, caller: Caller | null, room: rooms.RoomRow): Promise<void> {
  if (!room.isPrivate) return;
  if (caller === null) throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer' } });
  if (!(await rooms.isMember(deps.database, room.id, caller.id))) throw new NotAMember();
}

export const roomView = (row: rooms.RoomRow): Room => ({
  name: row.name,
  private: row.isPrivate,
  last_seq: row.lastSeq,
  created_at: row.createdAt.toISOString(),
});
