import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { integerKey, wordKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { ChatDeps } from '../deps';
import { changeFrame } from '../live/frames';
import { findReadableRoom, requireReadableRoom } from '../rooms/access';
import type { RoomRow } from '../rooms/store';
import { type Message, MessageNotFound, type MessageQuery, NotTheAuthor } from './model';
import * as store from './store';
import { messageView } from './views';

/** Its holder may delete the messages of others. */
const MODERATE = 'chat:moderate';

export interface MessageTarget {
  readonly room_name: string;
  readonly message_id: string;
}

export async function listMessages(
  deps: ChatDeps,
  caller: Caller | null,
  roomName: string,
  query: MessageQuery,
): Promise<Page<Message>> {
  const { limit, after: cursor } = readPageQuery(query, POSITION);
  const room = await findReadableRoom(deps, caller, roomName);
  if (room === undefined) return { items: [], next_cursor: null };
  const { direction, seq } = cursor === null ? firstPosition(query) : positionOf(cursor);
  const rows = await store.listMessages(deps.database, room.id, { direction, seq, limit: limit + 1 });
  const view = (row: store.MessageRow) => messageView(room.name, row);
  const next = (row: store.MessageRow) => [direction, String(row.seq)];
  if (direction === 'after') return toPage(rows, limit, next, view);
  const { items, next_cursor } = toPage(rows.reverse(), limit, next, view);
  return { items: items.reverse(), next_cursor };
}

/** Of the next message, and the direction of the list that it continues. */
const POSITION = [wordKey('after', 'before'), integerKey] as const;

type Position = { direction: 'after' | 'before'; seq: number };

const firstPosition = (query: MessageQuery): Position =>
  query.after_seq === undefined
    ? { direction: 'before', seq: query.before_seq ?? Number.MAX_SAFE_INTEGER }
    : { direction: 'after', seq: query.after_seq };

const positionOf = ([direction, seq]: readonly [string, string]): Position => ({
  direction: direction === 'after' ? 'after' : 'before',
  seq: Number(seq),
});

export async function editMessage(
  deps: ChatDeps,
  caller: Caller,
  target: MessageTarget,
  text: string,
): Promise<Message> {
  const { room, message } = await requireMessage(deps, caller, target);
  if (message.senderId !== caller.id)
    throw new NotTheAuthor({ detail: 'Only the author of a message edits it.' });
  await change(deps, room, message, text);
  const changed = await store.findMessage(deps.database, room.id, message.id);
  if (changed === undefined) throw new MessageNotFound();
  return messageView(room.name, changed);
}

export async function deleteMessage(deps: ChatDeps, caller: Caller, target: MessageTarget): Promise<void> {
  const { room, message } = await requireMessage(deps, caller, target);
  if (message.senderId !== caller.id && !caller.permissions.includes(MODERATE))
    throw new NotTheAuthor({ detail: 'Only the author of a message and moderators delete it.' });
  await change(deps, room, message, null);
}

async function requireMessage(deps: ChatDeps, caller: Caller, target: MessageTarget) {
  const room = await requireReadableRoom(deps, caller, target.room_name);
  const message = isUuid(target.message_id)
    ? await store.findMessage(deps.database, room.id, target.message_id)
    : undefined;
  if (message === undefined || message.deletedAt !== null) throw new MessageNotFound();
  return { room, message };
}

async function change(
  deps: ChatDeps,
  room: RoomRow,
  message: store.MessageRow,
  text: string | null,
): Promise<void> {
  const changed = await store.changeMessage(deps.database, message, text);
  if (changed === undefined) throw new MessageNotFound();
  deps.live.publish(room, [changeFrame(room, changed)]);
}
